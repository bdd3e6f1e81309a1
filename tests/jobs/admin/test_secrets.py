"""Secrets at the console: made by kind, given new versions, rolled back, tested, deleted; never shown."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from jobs import connections
from tenants.services import secrets as service
from tests.support import console as support
from tests.support import logins, rows
from tests.support.console import Console

CANARY = "canary-c0ffee-value"


def _make(console: Console, kind: str = "text", **fields: Any) -> tuple[UUID, UUID]:
    """Fill the form in; returns the tenant and the secret."""
    tenant = rows.tenant()
    given = {
        "tenant": tenant,
        "name": "token",
        "description": "",
        **({"value": CANARY} if kind == "text" else {}),
        **fields,
    }
    answer = console.client.post(f"{support.url('tenants_secret_add')}?kind={kind}", given)
    assert answer.status_code == 302, support.problems(answer)
    return tenant, rows.fetch("SELECT id FROM secret WHERE tenant_id = %s", tenant)[0][0]


def _revealed(tenant: UUID) -> Any:
    with logins.engine():
        return service.reveal(tenant, ["token"])["token"]


def test_the_kind_is_chosen_first(console: Console) -> None:
    answer = console.client.post(support.url("tenants_secret_add"), {"kind": "redis"})
    assert answer["Location"] == support.url("tenants_secret_add") + "?kind=redis"
    fields = console.client.get(answer["Location"]).context["form"].fields
    assert list(fields)[:3] == ["tenant", "name", "description"]
    assert {"host", "password"} <= set(fields)


@pytest.mark.parametrize("kind", connections.kinds())
def test_every_kind_of_connection_has_a_form_that_makes_it(console: Console, kind: str) -> None:
    example = connections.types()[kind].example
    fields = {name: "\n".join(value) if isinstance(value, list) else value for name, value in example.items()}
    form = console.get("tenants_secret_add", kind=kind).context["form"]
    initial = {name: field.initial for name, field in form.fields.items() if field.initial is not None}
    tenant, _ = _make(console, kind, **{**initial, **fields})
    assert connections.load(_revealed(tenant)) == connections.check(kind, example)


def test_a_text_is_made_changed_rolled_back_and_discarded(console: Console) -> None:
    tenant, secret = _make(console)
    assert _revealed(tenant) == CANARY
    page = console.page("tenants_secret_change", secret)
    assert "{{ secrets.token }}" in support.text_of(page)
    assert support.url("tenants_secret_rollback", secret) not in page
    assert support.url("tenants_secret_test", secret) not in page
    console.pressed("tenants_secret_new_version", secret, value="the second value")
    assert _revealed(tenant) == "the second value"
    console.pressed("tenants_secret_rollback", secret, version=1)
    assert _revealed(tenant) == CANARY
    console.pressed("tenants_secret_discard", secret, version=2)
    answer = console.press("tenants_secret_rollback", secret, version=2)
    assert answer.status_code == 200
    console.pressed("tenants_secret_describe", secret, description="of the shop")
    assert "of the shop" in console.page("tenants_secret_changelist", tenant__id__exact=str(tenant))


def test_a_refused_connection_says_so_beside_its_field(console: Console) -> None:
    example = {**connections.types()["redis"].example, "database": "0", "port": "6379", "tls": "verify"}
    given = {"tenant": rows.tenant(), "name": "token", **example, "host": "a,b"}
    answer = console.client.post(f"{support.url('tenants_secret_add')}?kind=redis", given)
    assert list(answer.context["form"].errors) == ["host"]
    answer = console.client.post(f"{support.url('tenants_secret_add')}?kind=redis", {**given, "host": "h", "name": "1"})
    assert list(answer.context["form"].errors) == ["name"]


def test_who_uses_it_is_shown_and_a_secret_in_use_is_deleted_by_force_alone(console: Console) -> None:
    tenant, secret = _make(console)
    job = rows.job(tenant, name="nightly")
    rows.insert("job_secret", id=uuid4(), tenant_id=tenant, job_id=job[0], name="token")
    assert "nightly" in support.text_of(console.page("tenants_secret_change", secret))
    answer = console.press("tenants_secret_delete", secret)
    assert "nightly would fail" in support.text_of(answer.content.decode())
    assert console.pressed("tenants_secret_delete", secret, force="on") == support.url("tenants_secret_changelist")
    assert rows.fetch("SELECT 1 FROM secret WHERE id = %s", secret) == []


def test_a_test_leads_to_its_execution(console: Console) -> None:
    tenant, secret = _make(console, "http_bearer", **connections.types()["http_bearer"].example)
    place = console.pressed("tenants_secret_test", secret)
    assert console.client.get(place).status_code == 200
    found = rows.fetch("SELECT payload, triggered_by FROM execution WHERE tenant_id = %s", tenant)
    assert found == [({"connection": "token"}, f"user:{console.user.email}")]


def test_members_of_a_tenant_make_and_change_nothing(console: Console) -> None:
    _, secret = _make(console)
    helper = Console(support.person(superuser=False))
    for name in ("new_version", "rollback", "discard", "describe", "test", "delete"):
        assert helper.press(f"tenants_secret_{name}", secret, value=CANARY, version=1).status_code == 403
    assert helper.client.post(f"{support.url('tenants_secret_add')}?kind=text", {}).status_code == 403
    assert rows.fetch("SELECT newest FROM secret WHERE id = %s", secret) == [(1,)]
