"""Operations at the console: started from a filtered list or a group of failures, held, slowed down and ended."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.support import console as support
from tests.support import many, operations, rows
from tests.support.console import Console


def _row(pk: Any) -> Any:
    return rows.fetch(
        "SELECT kind, state, reason, rate_per_second, matched, created_by, filter FROM operation WHERE id = %s", pk
    )[0]


def _key(url: str) -> str:
    return url.split("/")[-3]


def test_a_filtered_list_offers_what_fits_its_state_and_an_unfiltered_one_nothing(console: Console) -> None:
    rows.execution(rows.job(), "failed")
    offered = {
        query: [word for word in ("Cancel these", "Replay these") if word in console.page("jobs_execution_changelist", **dict([query]))]
        for query in (("state__exact", "failed"), ("state__exact", "pending"), ("hours", "24"), ("q", "x"))
    }  # fmt: skip
    assert list(offered.values()) == [["Replay these"], ["Cancel these"], ["Cancel these", "Replay these"], []]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"troubled": "24"}, ["Replay these"]),
        ({"troubled": "24", "state__exact": "succeeded"}, []),
        ({"troubled": "24", "state__in": "succeeded,failed"}, []),
        ({"hours": "24", "state__in": "failed"}, []),
        ({"hours": "24", "trigger__exact": "nonsense"}, []),
        ({"hours": "24", "q": "x"}, []),
    ],
)
def test_what_an_operation_does_not_know_of_a_list_offers_nothing(console: Console, query, expected) -> None:
    page = console.client.get(support.url("jobs_execution_changelist"), query, follow=True).content.decode()
    assert [word for word in ("Cancel these", "Replay these") if word in page] == expected


def test_it_comes_to_no_more_than_the_list_shows(console: Console) -> None:
    job, _ = mine = rows.job()
    for state in ("failed", "succeeded", "skipped"):
        rows.execution(mine, state)
    query = {"action": "replay", "job__id__exact": str(job), "troubled": "24", "hours": "168"}
    assert "Replay 2 executions?" in support.text_of(console.page("jobs_execution_bulk", **query))
    foreign = {"action": "replay", "job__id__exact": str(uuid4()), "tenant__id__exact": str(mine[1])}
    assert "Replay 0 executions?" in support.text_of(console.page("jobs_execution_bulk", **foreign))


def test_these_are_counted_shown_and_started_with_a_reason(console: Console) -> None:
    job, tenant = mine = rows.job(name="many of these")
    many.executions(mine, 7, "pending")
    query = {"action": "cancel", "job__id__exact": str(job), "hours": "24"}
    page = support.text_of(console.page("jobs_execution_bulk", **query))
    assert "Cancel 7 executions?" in page
    assert "many of these" in page
    address = console.get("jobs_execution_bulk", **query).request["QUERY_STRING"]
    started = console.client.post(
        f"{support.url('jobs_execution_bulk')}?{address}", {"reason": "too many", "rate_per_second": "20"}
    )
    assert started.status_code == 302, support.problems(started)
    kind, state, reason, rate, matched, author, asked = _row(_key(started["Location"]))
    assert (kind, state, reason, rate, matched) == ("cancel", "running", "too many", 20.0, 7)
    assert (author, asked["job"]) == (f"user:{console.user.email}", str(job))
    assert rows.fetch("SELECT DISTINCT tenant_id FROM operation WHERE reason = 'too many'") == [(tenant,)]


def test_without_a_reason_nothing_starts(console: Console) -> None:
    job, _ = rows.job()
    answer = console.client.post(
        f"{support.url('jobs_execution_bulk')}?action=cancel&job__id__exact={job}", {"rate_per_second": "5"}
    )
    assert (answer.status_code, support.problems(answer)) == (200, ["This field is required."])


def test_of_all_tenants_at_once_nothing_is_done(console: Console) -> None:
    assert "Choose a tenant" in console.page("jobs_execution_bulk", action="cancel", state__exact="pending")
    assert "Filter the list first" in console.page("jobs_execution_bulk")


def test_a_page_tells_how_far_it_is_and_its_buttons_hold_slow_and_end_it(console: Console) -> None:
    operation = operations.row(
        rows.tenant(), matched=2500, done=1200, failed=1, left_out={"ALREADY_REPLAYED": 3},
        failures='[{"execution": "01890000-0000-7000-8000-000000000000", "code": "INVALID_STATE", "message": "<b>disabled</b>"}]',
    )  # fmt: skip
    page = console.page("jobs_operation_change", operation)
    text = support.text_of(page)
    assert "1,200 of 2,500, 1 refused, 3 left out" in text
    assert "3 ALREADY_REPLAYED" in text
    assert "&lt;b&gt;disabled" in page
    assert '<progress max="2500" value="1204"' in page
    console.pressed("jobs_operation_pause", operation)
    assert _row(operation)[1] == "paused"
    console.pressed("jobs_operation_pace", operation, rate_per_second="7")
    console.pressed("jobs_operation_resume", operation)
    assert _row(operation)[1:4] == ("running", "because", 7.0)
    console.pressed("jobs_operation_cancel", operation, because="enough")
    assert _row(operation)[1] == "aborted"
    assert rows.fetch(
        "SELECT reason FROM audit_event WHERE object_id = %s AND action = 'operation.aborted'", str(operation)
    ) == [("enough",)]
    assert support.url("jobs_operation_pause", operation) not in console.page("jobs_operation_change", operation)


def test_why_one_does_not_go_on_is_told(console: Console) -> None:
    held = operations.row(rows.tenant(state="suspended"))
    assert "Its tenant is suspended" in console.page("jobs_operation_change", held)
    lost = operations.row(rows.tenant(), state="aborted", finished_at=rows.now(), ended_because="AUTHOR_LOST_RIGHTS")
    assert "may no longer run executions here" in console.page("jobs_operation_change", lost)


def test_a_group_of_failures_is_retried_or_resolved_by_its_page(console: Console) -> None:
    job, tenant = mine = rows.job(name="breaks")
    execution, letter = support.failed_execution(mine)
    page = console.page("jobs_execution_failures", tenant=str(tenant))
    assert "1 kind of failure" in support.text_of(page)
    assert "&lt;b&gt;the answer was 503" in page
    for word, kind in (("retry", "redrive"), ("resolve", "discard")):
        address = f"{support.url(f'jobs_execution_failures_{word}')}?tenant={tenant}&fingerprint=f"
        assert "1 failure of EXECUTION_FAILED?" in support.text_of(console.client.get(address).content.decode())
        started = console.client.post(address, {"reason": "mended", "rate_per_second": "50", "payload": ""})
        assert started.status_code == 302, support.problems(started)
        operation = _key(started["Location"])
        assert _row(operation)[0] == kind
        operations.drive({"id": operation})
    assert rows.fetch("SELECT state FROM dead_letter WHERE id = %s", letter) == [("redriven",)]
    assert rows.fetch("SELECT count(*) FROM execution WHERE replay_of = %s", execution) == [(1,)]
    assert job


def test_a_group_that_is_no_longer_there_is_told(console: Console) -> None:
    tenant = rows.tenant()
    assert "no such group" in console.page("jobs_execution_failures_retry", tenant=str(tenant), fingerprint="gone")
    assert "Nothing failed in this window" in console.page("jobs_execution_failures", tenant=str(tenant))


def test_a_viewer_sees_groups_and_operations_and_no_way_to_start_one() -> None:
    job, tenant = mine = rows.job()
    support.failed_execution(mine)
    viewer = Console(support.member(tenant, "viewer"))
    page = viewer.page("jobs_execution_failures")
    assert "EXECUTION_FAILED" in page
    assert "Retry" not in page
    assert "Replay these" not in viewer.page("jobs_execution_changelist", job__id__exact=str(job))
    assert viewer.get("jobs_execution_bulk").status_code == 403


def test_a_recovery_has_a_pace_of_its_own_and_can_be_trimmed(console: Console) -> None:
    tenant = rows.tenant()
    recovery = operations.row(
        tenant, kind="recovery", max_active=4, matched=180, done=20, failed=2, left_out={"NO_LONGER_NEEDED": 3},
        filter=None, conditions={},
    )  # fmt: skip
    page = console.page("jobs_operation_change", recovery)
    assert "20 of 180, 2 failed, 3 left out" in support.text_of(page)
    offered = [word for word in ("pace", "active", "trim") if support.url(f"jobs_operation_{word}", recovery) in page]
    assert offered == ["active", "trim"]
    console.pressed("jobs_operation_active", recovery, max_active="8")
    console.pressed("jobs_operation_trim", recovery, keep_newest="1", older_than="", because="one will do")
    assert rows.fetch("SELECT max_active, clearing FROM operation WHERE id = %s", recovery) == [(8, True)]
    assert rows.fetch("SELECT action, reason FROM audit_event WHERE object_id = %s ORDER BY id", str(recovery)) == [
        ("operation.updated", ""), ("operation.trimmed", "one will do"),
    ]  # fmt: skip
    assert "give either" in support.text_of(console.press("jobs_operation_trim", recovery).content.decode())
