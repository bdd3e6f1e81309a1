"""Walking all pages gives exactly what a plain filter gives, in order and once, whatever comes in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.rules import codes, states
from tenants.api import walks
from tests.jobs.api.lists.conftest import ERRORS, REASONS

JOBS = ("alpha", "alphabet", "beta")
TAGS = {"a": {0}, "b": {2}, "both": {0, 2}, "none": set()}
Row = Mapping[str, Any]


def any_of(values: Any) -> Any:
    return st.lists(st.sampled_from(list(values)), min_size=1, max_size=3, unique=True)


FILTERS: dict[str, Any] = {
    "state": any_of([state.value for state in states.State]),
    "trigger": any_of(("schedule", "manual", "replay")),
    "triggered_by": any_of(("key:1", "user:x@example.com", "key:2")),
    "queue": any_of(("default", "io")),
    "reason": any_of(REASONS),
    "error_code": any_of([*filter(None, ERRORS), "WORKER_LOST"]),
    "error_fingerprint": any_of(("TIMEOUT-f", "EXECUTION_FAILED-f")),
    "waiting_on": any_of(codes.PARKS),
    "worker": any_of(("one@a", "two@b", "nobody")),
    "job": any_of((*JOBS, "unknown")),
    "tag": any_of(TAGS),
    "schedule": any_of(range(3)),
    "replay_of": any_of(range(2)),
    "created_at": st.tuples(st.integers(0, 600), st.integers(0, 300)),
    "scheduled_for": st.tuples(st.integers(0, 600), st.integers(0, 300)),
    "finished_at": st.tuples(st.integers(0, 700), st.integers(0, 300)),
    "q": st.sampled_from(("alpha", "alphab", "status 7", "ALPHA", "zz", "01")),
}
asked = st.lists(st.sampled_from(list(FILTERS)), max_size=3, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: FILTERS[name] for name in names})
)
orders = st.sampled_from(("-created_at", "created_at", "-finished_at", "finished_at"))


def query_of(world: Any, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """As it is sent."""
    sent: dict[str, Any] = {}
    for name, value in wanted.items():
        if isinstance(value, tuple):
            since, until = _ends(world, value)
            sent |= {f"{name}[gte]": since.isoformat(), f"{name}[lte]": until.isoformat()}
        elif name in ("schedule", "replay_of"):
            known = world.schedules if name == "schedule" else world.originals
            sent[name] = [str(known[place]) for place in value]
        else:
            sent[name] = value
    return sent


def _ends(world: Any, span: tuple[int, int]) -> tuple[datetime, datetime]:
    since = world.start + timedelta(seconds=span[0])
    return since, since + timedelta(seconds=span[1])


def fits(world: Any, row: Row, name: str, value: Any) -> bool:
    """The filter in plain Python."""
    plain = {"queue": "queue_id"}
    if name == "created_at":
        since, until = _ends(world, value)
        return bool(since <= row["created_at"] <= until)
    if name == "scheduled_for":
        last = row["folded_until"] or row["scheduled_for"]
        since, until = _ends(world, value)
        return last is not None and since <= last <= until
    if name == "finished_at":
        since, until = _ends(world, value)
        return row["finished_at"] is not None and since <= row["finished_at"] <= until
    special: dict[str, Callable[[], Any]] = {
        "job": lambda: JOBS[row["job"]] in value,
        "tag": lambda: any(row["job"] in TAGS[tag] for tag in value),
        "schedule": lambda: row["schedule_id"] in [world.schedules[place] for place in value],
        "replay_of": lambda: row["replay_of"] in [world.originals[place] for place in value],
        "worker": lambda: row["worker_id"] in [found for found, called in zip(world.workers, ("one@a", "two@b"), strict=True) if called in value],
        "waiting_on": lambda: row["waiting_on"] and codes.wait_of(row["waiting_on"]) in value,
        "q": lambda: str(row["id"]).startswith(value.lower()) or JOBS[row["job"]].startswith(value)
        or (row["state"] == "failed" and value.lower() in row["error_message"].lower()),
    }  # fmt: skip
    return bool(special[name]()) if name in special else row[plain.get(name, name)] in value


def expected(world: Any, wanted: Mapping[str, Any], order: str) -> list[str]:
    column = order.removeprefix("-")
    found = [row for row in world.stored.values() if all(fits(world, row, *each) for each in wanted.items())]
    if column == "finished_at":
        found = [row for row in found if row["finished_at"]]
    key = (lambda row: (row["finished_at"], row["id"])) if column == "finished_at" else (lambda row: row["id"])
    return [str(row["id"]) for row in sorted(found, key=key, reverse=order.startswith("-"))]


def walked(world: Any, query: Mapping[str, Any], between: Callable[[], object]) -> list[str]:
    """Ids of all pages. A page has at most as many as are asked for, and may have fewer."""
    ids: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(200):
        answer = world.owner.api.get("/api/v1/executions", **query, **cursor)
        assert answer.status_code == 200, answer.json()
        page = answer.json()
        assert len(page["data"]) <= int(query["limit"])
        ids += [row["id"] for row in page["data"]]
        if page["next_cursor"] is None:
            return ids
        cursor = {"cursor": page["next_cursor"]}
        between()
    raise AssertionError("no end")


@pytest.fixture(autouse=True)
def _few_rows_a_page(monkeypatch):
    monkeypatch.setattr(walks, "MOST", 25)


every = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@every
@given(wanted=asked, order=orders, limit=st.sampled_from((7, 40)))
def test_all_pages_hold_what_a_plain_filter_finds(world, wanted, order, limit):
    query = {**query_of(world, wanted), "order_by": order, "limit": limit, "fields": "id"}
    assert walked(world, query, lambda: None) == expected(world, wanted, order)


@settings(every, max_examples=15)
@given(wanted=asked, order=orders)
def test_rows_that_come_in_between_neither_shift_nor_repeat_any(world, wanted, order):
    before = expected(world, wanted, order)
    query = {**query_of(world, wanted), "order_by": order, "limit": 9, "fields": "id"}
    found = walked(world, query, world.add)
    assert len(found) == len(set(found))
    assert [each for each in found if each in before] == before
    after = expected(world, wanted, order)
    assert found == [each for each in after if each in found]


@settings(every, max_examples=15)
@given(wanted=asked)
def test_a_count_is_right_or_says_that_it_is_capped(world, wanted):
    query = {**query_of(world, wanted), "count": "capped", "limit": 1, "fields": "id"}
    page = world.owner.api.get("/api/v1/executions", **query).json()
    right = len(expected(world, wanted, "-created_at"))
    assert page["count"] == right or (page["count_is_capped"] and page["count"] < right)
