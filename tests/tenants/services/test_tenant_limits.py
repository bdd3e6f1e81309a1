"""What a tenant gets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tenants import errors
from tenants.models import Tenant
from tenants.services import tenant_limits
from tests.support import rows
from tests.support.actors import platform


@pytest.fixture
def tenant() -> Iterator[Tenant]:
    """A tenant, in a transaction that sees every tenant."""
    pk = rows.tenant()
    with platform():
        yield Tenant.objects.get(pk=pk)


def _change(tenant: Tenant, **fields: Any) -> Tenant:
    defaults: dict[str, Any] = {
        "name": "T",
        "weight": 1,
        "max_running": None,
        "rate_limit": "",
        "rate_burst": None,
        "api_rate_limit": "",
        "allowed_hosts": [],
        "allowed_callables": [],
        "allowed_tasks": [],
        "allow_network": False,
        "allow_requirements": False,
    }
    return tenant_limits.change(tenant=tenant, **(defaults | fields))


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "api.internal",
        "api.internal:8080",
        "127.0.0.1",
        "127.0.0.1:9000",
        "10.0.0.0/8",
        "::1",
        "[::1]:8080",
        "fd00::/8",
    ],
)
def test_hosts_addresses_and_networks_are_taken(tenant: Tenant, host: str) -> None:
    assert _change(tenant, allowed_hosts=[host]).allowed_hosts == [host]


@pytest.mark.parametrize("host", ["http://x", "a b", "x:port", "", "*.internal", "10.0.0.0/99", "x/y"])
def test_what_names_no_host_is_refused(tenant: Tenant, host: str) -> None:
    with pytest.raises(errors.Invalid) as refused:
        _change(tenant, allowed_hosts=["good.internal", host])
    assert list(refused.value.details) == ["allowed_hosts"]


@pytest.mark.parametrize("name", ["shop.jobs:settle", "shop.*", "*", "orders.import", "a-b:C"])
def test_callables_and_patterns_are_taken(tenant: Tenant, name: str) -> None:
    assert _change(tenant, allowed_callables=[name]).allowed_callables == [name]


@pytest.mark.parametrize("name", ["shop.tasks.settle", "shop.*", "*", "orders-import", "a:b", "a/b"])
def test_tasks_and_patterns_are_taken(tenant: Tenant, name: str) -> None:
    assert _change(tenant, allowed_tasks=[name]).allowed_tasks == [name]


@pytest.mark.parametrize("name", ["", "a b", "shop.[a-z]", "what?", "a,b"])
def test_what_names_no_task_is_refused(tenant: Tenant, name: str) -> None:
    with pytest.raises(errors.Invalid) as refused:
        _change(tenant, allowed_tasks=["good.name", name])
    assert list(refused.value.details) == ["allowed_tasks"]


@pytest.mark.parametrize("name", ["", "a b", "shop.[a-z]", "what?", "a,b", "shop/jobs"])
def test_what_names_no_callable_is_refused(tenant: Tenant, name: str) -> None:
    with pytest.raises(errors.Invalid) as refused:
        _change(tenant, allowed_callables=["good.name", name])
    assert list(refused.value.details) == ["allowed_callables"]


@pytest.mark.parametrize(("field", "wrong"), [("weight", 0), ("weight", 101), ("max_running", 0), ("name", "")])
def test_a_limit_out_of_range_is_refused_by_name(tenant: Tenant, field: str, wrong: Any) -> None:
    with pytest.raises(errors.Invalid) as refused:
        _change(tenant, **{field: wrong})
    assert list(refused.value.details) == [field]


def test_a_rate_of_api_requests_is_taken_and_what_is_none_refused(tenant: Tenant) -> None:
    assert _change(tenant, api_rate_limit="100/s").api_rate_limit == "100/s"
    for wrong in ("100", "0/s", "100/y", "1e3/s", "-1/m", "1000000/s"):
        with pytest.raises(errors.Invalid) as refused:
            _change(tenant, api_rate_limit=wrong)
        assert list(refused.value.details) == ["api_rate_limit"]
        assert "number of requests" in str(refused.value.details)


def test_old_and_new_are_in_the_trail(tenant: Tenant) -> None:
    _change(tenant, weight=7)
    from tenants.models import AuditEvent

    event = AuditEvent.objects.get(object_id=str(tenant.pk))
    assert (event.action, event.changes) == ("tenant.updated", {"weight": [1, 7]})


@pytest.mark.parametrize("grant", ["allow_network", "allow_requirements"])
def test_what_its_scripts_may_is_granted_and_taken_back(tenant: Tenant, grant: str) -> None:
    assert getattr(_change(tenant, **{grant: True}), grant) is True
    assert getattr(_change(tenant), grant) is False
