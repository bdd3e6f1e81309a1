"""Backfills: what is counted, which slots run, how far ahead, and what becomes of one that is held or ended."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jobs.engine import admission, maintenance, transitions
from jobs.engine.admission import Seen
from jobs.rules import identity
from tests.support import logins, rows, shut
from tests.support.operations import seen, state, steps
from tests.support.slots import HOUR, backfill, backfill_path, end, hourly


def act(owner, operation, action: str, body=None):
    return owner.api.post(f"/api/v1/operations/{operation['id']}/{action}", body)


def test_a_dry_run_counts_the_slots_as_they_stand_and_stores_nothing(owner, hours):
    for back, word in ((0, "succeeded"), (1, "failed"), (2, "running"), (3, "skipped")):
        hours.live(back, word)
    rows.execution(hours.job, "succeeded", started_at=rows.now() - timedelta(seconds=30))
    answer = owner.api.post(f"{backfill_path(hours)}?dry_run=true", hours.wish(5, which="all", max_active=2))
    told = answer.json()
    assert (answer.status_code, told["slots"], told["examined"], told["matched"]) == (200, 6, 6, 5)
    assert told["by_state"] == {"succeeded": 1, "failed": 1, "running": 1, "missing": 3}
    assert (told["first"]["at"], told["last"]["at"]) == (_z(hours.at(5)), _z(hours.at(0)))
    assert told["estimate_seconds"] == pytest.approx(5 * 30 / 2, rel=0.1)
    assert (told["matched_is_capped"], hours.made()) == (False, [])
    assert rows.fetch("SELECT count(*) FROM operation WHERE tenant_id = %s", owner.tenant.id) == [(0,)]


def test_slots_that_nothing_ran_for_run_behind_all_that_is_live_and_keep_their_instant(owner, hours):
    hours.live(0, "succeeded")
    hours.live(1, "failed")
    hours.live(2, "skipped")
    hours.live(3, "cancelled")
    rows.change("UPDATE schedule SET payload = '{\"fail_rate\": 0}' WHERE id = %s", hours.schedule)
    operation = backfill(owner, hours, 4, payload={"duration_seconds": 1})
    assert (operation["kind"], operation["matched"], operation["max_active"]) == ("backfill", 3, 4)
    steps(operation)
    assert hours.slots() == [4, 3, 2]
    columns = "state, priority, operation_id, schedule_id, payload, triggered_by"
    author, told = "key:" + owner.key.split("_")[1], {"fail_rate": 0, "duration_seconds": 1}
    assert {repr(row) for row in hours.made(columns)} == {
        repr(("pending", -5, _uuid(operation), hours.schedule, told, author))
    }
    assert {identity.milliseconds(row[0]) for row in hours.made()} == {_milliseconds(operation)}
    assert seen(owner, operation)["made"] == 3
    listed = owner.api.get("/api/v1/executions", operation=operation["id"]).json()["data"]
    assert {row["operation"] for row in listed} == {operation["id"]}
    assert len(listed) == 3


def test_progress_follows_the_ends_of_its_executions_and_the_last_one_ends_it(owner, hours):
    operation = backfill(owner, hours, 3)
    steps(operation)
    end(hours, "failed", limit=1)
    end(hours, "succeeded", limit=1)
    end(hours, "cancelled", limit=1)
    steps(operation)
    told = seen(owner, operation)
    assert (told["state"], told["done"], told["failed"], told["left_out"]) == ("running", 1, 1, {"CANCELLED": 1})
    end(hours)
    steps(operation)
    told = seen(owner, operation)
    assert (told["state"], told["done"], told["made"], told["waiting_on"]) == ("succeeded", 2, 4, None)


def test_failed_are_those_whose_newest_run_failed_replays_among_them(owner, hours):
    hours.live(0, "failed")
    replayed = hours.live(1, "failed")
    again = rows.execution(hours.job, "failed", trigger="replay", replay_of=replayed)
    later = identity.request_id(rows.now() + timedelta(seconds=1))
    rows.execution(hours.job, "succeeded", id=later, trigger="replay", replay_of=again)
    hours.live(2, "succeeded")
    operation = backfill(owner, hours, 3, which="failed")
    steps(operation)
    assert (operation["matched"], hours.slots()) == (1, [0])
    assert owner.api.post(f"{backfill_path(hours)}?dry_run=true", hours.wish(3, which="failed")).json()["matched"] == 0
    end(hours, "failed")
    assert owner.api.post(f"{backfill_path(hours)}?dry_run=true", hours.wish(3, which="failed")).json()["matched"] == 1


def test_all_are_all_but_those_with_a_run_that_has_not_ended_the_newest_first_if_asked(owner, hours):
    hours.live(0, "succeeded")
    hours.live(1, "pending")
    operation = backfill(owner, hours, 3, which="all", order="newest")
    steps(operation)
    assert hours.slots() == [0, 2, 3]
    assert seen(owner, operation)["left_out"] == {"UNFINISHED": 1}
    second = backfill(owner, hours, 3, which="missing")
    assert second["matched"] == 0


def test_a_row_of_many_slots_and_a_slot_cancelled_while_it_waited_are_no_runs(owner, hours):
    fold = {"folded_until": hours.at(0), "folded_count": 5}
    rows.execution(
        hours.job, "skipped", trigger="schedule", schedule_id=hours.schedule, scheduled_for=hours.at(4), **fold
    )
    assert owner.api.post(f"{backfill_path(hours)}?dry_run=true", hours.wish(4)).json()["by_state"] == {"missing": 5}


def test_no_more_are_made_than_the_pace_needs_and_newest_come_first_if_asked(owner, hours):
    rows.change("UPDATE schedule SET expression = '* * * * *' WHERE id = %s", hours.schedule)
    operation = backfill(owner, hours, 2, max_active=1, order="newest")
    steps(operation, 3)
    assert (operation["matched"], len(hours.made())) == (121, 22)
    assert min(row[0] for row in hours.made("scheduled_for")) == hours.top - timedelta(minutes=21)
    end(hours, limit=7)
    steps(operation, 2)
    assert len(hours.made()) == 29
    assert owner.api.patch(f"/api/v1/operations/{operation['id']}", {"max_active": 4}).json()["max_active"] == 4
    steps(operation)
    assert len(hours.made()) == 35


def test_a_step_that_is_taken_again_from_where_it_was_makes_nothing_twice(owner, hours):
    operation = backfill(owner, hours, 5, which="all")
    steps(operation)
    end(hours)
    before = hours.made()
    rows.change("UPDATE operation SET reached_at = NULL WHERE id = %s", operation["id"])
    steps(operation)
    assert sorted(hours.made()) == sorted(before)
    assert seen(owner, operation)["made"] == 6


def test_two_backfills_of_one_slot_make_two_executions(owner, hours):
    for _ in range(2):
        operation = backfill(owner, hours, 0, which="all")
        steps(operation)
        end(hours)
        steps(operation)
    assert hours.slots() == [0, 0]


def test_a_paused_one_makes_nothing_and_goes_on_where_it_was(owner, hours):
    rows.change("UPDATE schedule SET expression = '* * * * *' WHERE id = %s", hours.schedule)
    operation = backfill(owner, hours, 1, max_active=1)
    steps(operation)
    assert act(owner, operation, "pause").json()["state"] == "paused"
    end(hours)
    assert steps(operation, 2) == 0
    assert len(hours.made()) == 22
    assert act(owner, operation, "resume").json()["state"] == "running"
    for _ in range(4):
        steps(operation)
        end(hours)
    assert (state(operation), len(set(hours.made("scheduled_for"))), len(hours.made())) == ("succeeded", 61, 61)


@pytest.mark.parametrize("cancel_running", [False, True])
def test_what_an_aborted_one_made_and_waits_is_skipped_and_what_runs_goes_on_unless_asked(owner, hours, cancel_running):
    operation = backfill(owner, hours, 4)
    steps(operation)
    keys = [row[0] for row in hours.made()]
    rows.change(
        "UPDATE execution SET state = 'running', waiting_on = '', epoch = 1, started_at = now() WHERE id = %s", keys[0]
    )
    rows.change("UPDATE execution SET state = 'queued', waiting_on = '' WHERE id = %s", keys[1])
    rows.change("UPDATE execution SET state = 'pending', waiting_on = 'job:x' WHERE id = %s", keys[2])
    assert act(owner, operation, "cancel", {"cancel_running": cancel_running}).json()["state"] == "aborted"
    steps(operation, 2)
    assert seen(owner, operation)["left_out"] == {"NO_LONGER_NEEDED": 4}
    found = rows.fetch(
        "SELECT id, state, reason, cancel_requested_at IS NOT NULL FROM execution WHERE id = ANY(%s)", keys
    )
    assert {row[0]: row[1:] for row in found} == {
        keys[0]: ("running", "", cancel_running),
        **dict.fromkeys(keys[1:], ("skipped", "NO_LONGER_NEEDED", False)),
    }
    events = "SELECT count(*) FROM event WHERE job_id = %s AND kind = 'execution.skipped'"
    assert rows.fetch(events, hours.job[0]) == [(4,)]
    end(hours)
    steps(operation)
    assert (steps(operation), seen(owner, operation)["done"]) == (0, 1)


def test_one_whose_schedule_is_deleted_fails_and_leaves_nothing_waiting(owner, hours):
    operation = backfill(owner, hours, 2)
    steps(operation)
    assert owner.api.delete(f"/api/v1/schedules/{hours.schedule}").status_code == 204
    steps(operation, 3)
    told = seen(owner, operation)
    assert (told["state"], told["ended_because"]) == ("failed", "its schedule was deleted")
    assert {row[0] for row in hours.made("reason")} == {"NO_LONGER_NEEDED"}


def test_one_whose_author_may_no_longer_leaves_nothing_waiting(owner, hours):
    operation = backfill(owner, hours, 2)
    steps(operation)
    rows.change("UPDATE api_key SET revoked_at = now() WHERE key_id = %s", owner.key.split("_")[1])
    steps(operation, 3)
    assert (state(operation), {row[0] for row in hours.made("state")}) == ("aborted", {"skipped"})


def test_a_disabled_job_and_a_full_quota_are_waited_for(owner, hours):
    operation = backfill(owner, hours, 3)
    rows.change("UPDATE job SET state = 'disabled' WHERE id = %s", hours.job[0])
    steps(operation)
    assert (seen(owner, operation)["waiting_on"], hours.made()) == ("JOB_DISABLED", [])
    rows.change("UPDATE job SET state = 'active' WHERE id = %s", hours.job[0])
    rows.change("UPDATE tenant SET max_unfinished = 2 WHERE id = %s", owner.tenant.id)
    steps(operation, 2)
    assert (seen(owner, operation)["waiting_on"], hours.slots()) == ("QUOTA_EXCEEDED", [3, 2])
    for _ in range(3):
        end(hours)
        rows.change("DELETE FROM quota_room WHERE tenant_id = %s", owner.tenant.id)
        steps(operation)
    assert (state(operation), hours.slots()) == ("succeeded", [3, 2, 1, 0])


@pytest.mark.parametrize("of_job", [False, True])
def test_a_maintenance_window_holds_what_they_made_and_lets_it_go_at_its_end(owner, queue, of_job):
    hours = hourly(rows.job(owner.tenant.id, queue_id=queue))
    operation = backfill(owner, hours, 2, max_active=2)
    window = shut.maintenance(owner.tenant.id, job_id=hours.job[0] if of_job else None)
    steps(operation)
    with logins.engine():
        admission.admit_all(Seen())
        assert {row[0] for row in hours.made("state")} == {"pending"}
        shut.close_now(window)
        maintenance.roll()
        admission.admit_all(Seen())
    assert "queued" in {row[0] for row in hours.made("state")}


@pytest.mark.usefixtures("empty_database")
def test_overlap_judges_none_of_them(owner, hours):
    rows.change("UPDATE job SET overlap = 'skip' WHERE id = %s", hours.job[0])
    hours.live(0, "running", ripened_at=rows.now())
    steps(backfill(owner, hours, 3))
    with logins.engine():
        transitions.ripen(now=rows.now() + HOUR, limit=1000)
    assert [row[0] for row in hours.made("state")] == ["pending"] * 3


def _z(at) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _uuid(operation):
    from uuid import UUID

    return UUID(operation["id"])


def _milliseconds(operation) -> int:
    made_at = rows.fetch("SELECT created_at FROM operation WHERE id = %s", operation["id"])[0][0]
    return int(made_at.timestamp() * 1000)
