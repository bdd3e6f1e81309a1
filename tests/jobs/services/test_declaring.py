"""However a job came to be, what it is declared as is what it is."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs import errors
from jobs.services import declaring, descriptions
from tenants import context
from tenants.errors import ServiceError

_RESULT = st.recursive(
    st.none() | st.booleans() | st.integers(0, 1) | st.sampled_from([0.0, 1.0, 1.5, "", "a"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)
_PAYLOAD = st.fixed_dictionaries({}, optional={"duration_seconds": st.sampled_from([0, 1, 1.0]), "result": _RESULT})
_COMMON = {"misfire": st.sampled_from(["skip", "all"]), "payload": _PAYLOAD, "timezone": st.just("Asia/Tokyo")}
_SCHEDULE = st.one_of(
    st.fixed_dictionaries({"kind": st.just("cron"), "expression": st.sampled_from(["0 0 * * *", "0 1 * * *"])}, optional=_COMMON),
    st.fixed_dictionaries(
        {"kind": st.just("interval"), "interval_seconds": st.integers(59, 60), "start_at": st.just("2026-01-01T00:00:00Z")}, optional=_COMMON
    ),
    st.fixed_dictionaries({"kind": st.just("once"), "run_at": st.sampled_from(["2100-01-01T00:00:00Z", "2101-01-01T00:00:00Z"])}, optional=_COMMON),
)  # fmt: skip
_JOB = st.fixed_dictionaries(
    {"type": st.sampled_from(["dummy", "dummy", "telepathy"])},
    optional={
        "payload": _PAYLOAD, "tags": st.lists(st.sampled_from("abc"), max_size=3), "priority": st.sampled_from([0, 5]),
        "timeout_seconds": st.sampled_from([300, 7.5]), "max_running": st.sampled_from([None, 1]), "description": st.sampled_from(["", "d"]),
        "retry": st.sampled_from([{}, {"max_attempts": 1}, {"jitter": True}]), "rate_limit": st.sampled_from(["", "1/m"]),
    },
)  # fmt: skip
_DECLARATION = st.tuples(_JOB, st.none() | st.lists(_SCHEDULE, max_size=3))


def put(tenant: Any, name: str, declaration: Any) -> Any:
    """The outcome and the definition, or the refusal with its fields."""
    from jobs.api.shapes.declarations import JobDeclaration

    fields, schedules = declaration
    body = JobDeclaration(data={**fields, **({} if schedules is None else {"schedules": schedules})})
    assert body.is_valid(), body.errors
    checked: Any = dict(body.validated_data)
    given = checked.pop("schedules", None)
    try:
        with transaction.atomic():
            found = declaring.put_job(tenant=tenant, name=name, fields=checked, given=given)
    except ServiceError as error:
        return "refused", sorted(error.details)
    return found.outcome, defined(found.row)


def defined(job: Any) -> Any:
    """All of it but ids, history and the order in which schedules were made."""
    told = descriptions.of_job(job)
    schedules = [{name: value for name, value in each.items() if name != "id"} for each in told.pop("schedules")]
    told.pop("revision")
    told.pop("name")
    return told, sorted(map(repr, schedules))


@settings(deadline=None, max_examples=30, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=_DECLARATION, second=_DECLARATION)
def test_declared_anew_it_is_as_if_it_had_been_declared_so_at_once(owner: Any, first: Any, second: Any) -> None:
    tenant = owner.tenant
    with context.within(context.Scope(tenant_id=tenant.pk)), transaction.atomic():
        was, before = put(tenant, "a", first)
        outcome, now = put(tenant, "a", second)
        stays = second[1] is None and was == "created"
        assert put(tenant, "b", (second[0], first[1]) if stays else second)[1] == now
        if outcome == "refused":
            assert put(tenant, "a", first) == ("unchanged" if was == "created" else "refused", before)
        else:
            assert put(tenant, "a", second) == ("unchanged", now)
            assert (outcome == "unchanged") == (before == now)
        transaction.set_rollback(True)


def test_what_becomes_invalid_is_refused_and_leaves_the_job_as_it_was(tenant: Any) -> None:
    put(tenant, "a", ({"type": "dummy"}, None))
    with pytest.raises(errors.Invalid), transaction.atomic():
        declaring.put_job(tenant=tenant, name="a", fields={"type": "dummy", "priority": 77}, given=None)
    assert put(tenant, "a", ({"type": "dummy"}, None))[0] == "unchanged"
