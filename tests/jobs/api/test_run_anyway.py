"""A slot that was skipped is run: whatever the reason was, once at a time, and the skipped row tells of it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from tests.support import actors, rows
from tests.support.slots import end, hourly


@pytest.fixture
def hours(owner):
    return hourly(rows.job(owner.tenant.id))


def run(owner, subject: str, **body):
    return owner.api.post(f"/api/v1/{subject}/run-anyway", body)


def of(hours) -> str:
    return f"schedules/{hours.schedule}"


def told(answer):
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize("reason", ["OVERLAP", "HOLIDAY", "MISFIRE", "QUOTA"])
def test_a_skipped_slot_says_that_it_can_be_run_and_runs_for_its_own_instant(owner, hours, reason):
    rows.change("UPDATE schedule SET payload = '{\"fail_rate\": 0}' WHERE id = %s", hours.schedule)
    skipped = hours.live(2, "skipped", reason=reason)
    assert owner.api.get(f"/api/v1/executions/{skipped}").json()["allowed_actions"][0] == "run-anyway"
    answer = run(owner, f"executions/{skipped}", payload={"duration_seconds": 1})
    assert answer.status_code == 202, answer.content
    made = answer.json()
    assert (made["trigger"], made["schedule"], made["priority"]) == ("backfill", str(hours.schedule), 5)
    assert (made["payload"], made["operation"]) == ({"fail_rate": 0, "duration_seconds": 1}, None)
    assert hours.slots() == [2]
    assert rows.state_of(skipped) == "skipped"


def test_a_second_time_is_refused_and_the_first_one_named_until_it_has_failed(owner, hours):
    skipped = hours.live(1, "skipped")
    first = run(owner, f"executions/{skipped}").json()["id"]
    for subject, body in ((f"executions/{skipped}", {}), (of(hours), {"scheduled_for": hours.at(1).isoformat()})):
        answer = run(owner, subject, **body)
        assert (told(answer), answer.json()["error"]["details"]) == ((409, "CONFLICT"), {"execution": first})
    end(hours, "failed")
    second = run(owner, f"executions/{skipped}").json()["id"]
    end(hours)
    answer = run(owner, f"executions/{skipped}")
    assert (told(answer), answer.json()["error"]["details"]) == ((409, "CONFLICT"), {"execution": second})


def test_the_skipped_row_says_that_it_was_run_anyway_and_as_what(owner, hours):
    skipped = hours.live(1, "skipped", reason="OVERLAP")
    first = run(owner, f"executions/{skipped}").json()["id"]
    reasons = owner.api.get(f"/api/v1/executions/{skipped}/explain").json()["reasons"]
    assert [(row["code"], row["execution"]) for row in reasons] == [("OVERLAP", None), ("RUN_ANYWAY", first)]
    assert reasons[1]["message"] == f"It was run anyway as execution {first}, which is scheduled."


def test_of_a_row_that_stands_for_many_one_is_named(owner, hours):
    folded = hours.live(5, "skipped", folded_until=hours.at(1), folded_count=5)
    refused = {
        "": {},
        "is none of this row's": {"scheduled_for": hours.at(0).isoformat()},
        "is no slot of this schedule": {"scheduled_for": (hours.at(3) + timedelta(minutes=1)).isoformat()},
    }
    for message, body in refused.items():
        answer = run(owner, f"executions/{folded}", **body)
        assert told(answer) == (422, "VALIDATION_FAILED")
        assert message in answer.json()["error"]["details"]["scheduled_for"][0]
    assert run(owner, f"executions/{folded}", scheduled_for=hours.at(3).isoformat()).status_code == 202
    assert run(owner, f"executions/{folded}", scheduled_for=hours.at(4).isoformat()).status_code == 202
    message = owner.api.get(f"/api/v1/executions/{folded}/explain").json()["reasons"][1]["message"]
    assert message.startswith("Of its 5 slots some were run anyway, by 2 executions, last as execution ")


def test_a_slot_that_a_clock_change_left_out_is_run_from_its_row_and_by_its_schedule(owner):
    gap = {"expression": "30 2 * * *", "timezone": "Europe/Berlin", "dst_gap": "skip"}
    schedule = rows.schedule(rows.job(owner.tenant.id), **gap)
    at = "2026-03-29T01:00:00Z"
    answer = run(owner, f"schedules/{schedule}", scheduled_for=at)
    assert (answer.status_code, answer.json()["scheduled_for"]) == (202, at)


def test_what_is_no_slot_or_ahead_or_has_run_is_refused(owner, hours):
    for instant in (hours.at(1) + timedelta(seconds=1), hours.at(-2)):
        answer = run(owner, of(hours), scheduled_for=instant.isoformat())
        assert list(answer.json()["error"]["details"]) == ["scheduled_for"]
    ran = hours.live(3, "succeeded")
    assert told(run(owner, of(hours), scheduled_for=hours.at(3).isoformat())) == (409, "CONFLICT")
    answer = run(owner, f"executions/{ran}")
    assert told(answer) == (409, "INVALID_STATE")
    assert "run-anyway" not in answer.json()["error"]["details"]["allowed_actions"]
    by_hand = rows.execution(hours.job, "skipped")
    assert told(run(owner, f"executions/{by_hand}")) == (409, "INVALID_STATE")
    assert hours.made() == []


def test_what_holds_other_runs_holds_this_one(owner, teammate, outsider, hours):
    skipped = hours.live(1, "skipped")
    assert run(teammate, f"executions/{skipped}").status_code == 403
    for subject, body in ((f"executions/{skipped}", {}), (of(hours), {"scheduled_for": hours.at(1).isoformat()})):
        assert run(outsider, subject, **body).status_code == 404
    runner = actors.with_scopes(owner, ["executions:run"])
    rows.change("UPDATE tenant SET max_unfinished = 0 WHERE id = %s", owner.tenant.id)
    assert told(run(runner, f"executions/{skipped}")) == (409, "QUOTA_EXCEEDED")
    rows.change("UPDATE tenant SET max_unfinished = NULL WHERE id = %s", owner.tenant.id)
    rows.change("UPDATE job SET state = 'disabled' WHERE id = %s", hours.job[0])
    assert told(run(runner, f"executions/{skipped}")) == (409, "INVALID_STATE")
    rows.change("UPDATE job SET state = 'active' WHERE id = %s", hours.job[0])
    rows.change("UPDATE schedule SET state = 'deleted' WHERE id = %s", hours.schedule)
    assert told(run(runner, f"executions/{skipped}")) == (409, "INVALID_STATE")
    assert hours.made() == []


def test_the_trail_tells_of_it(owner, hours):
    made = run(owner, of(hours), scheduled_for=hours.at(1).isoformat()).json()
    found = rows.fetch("SELECT action, changes FROM audit_event WHERE object_id = %s", made["id"])
    assert [row[0] for row in found] == ["execution.run_anyway"]
    assert UUID(found[0][1]["schedule"][1]) == hours.schedule
