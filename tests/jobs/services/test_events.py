"""What becomes of an event: what it starts, what it passes by and why, and what it finds started already."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jobs import errors, forecasts, outlooks, selectors
from jobs.engine import retention
from jobs.models import Execution, ReceivedEvent, Schedule
from jobs.rules.event_outcomes import MOST_PAYLOAD, MOST_SCHEDULES
from jobs.services import copies, events, executions, job_states, jobs, schedules
from jobs.services.events import Event
from tenants import actors
from tenants.fields import new_id
from tests.support import acting, logins, rows

EVENT = {"kind": "event", "event": "order.paid"}


@pytest.fixture
def job(tenant: Any) -> Any:
    return jobs.create(tenant=tenant, fields={"name": "a", "type": "dummy"}, schedules=[])


def waiting(job: Any, **said: Any) -> Schedule:
    return schedules.create(job=job, fields={**EVENT, **said})


def send(tenant: Any, name: str = "order.paid", payload: Any = None, **said: Any) -> ReceivedEvent:
    return events.send(tenant=tenant, event=Event(name=name, payload=payload or {}, **said))


def reasons(received: ReceivedEvent) -> list[str]:
    return [left["reason"] for left in received.left_out]


def stored(received: ReceivedEvent) -> list[Execution]:
    return [Execution.objects.get(pk=started["execution"]) for started in received.started]


def state(schedule: Schedule) -> tuple[Any, ...]:
    return Schedule.objects.values_list("state", "due_at", "next_run_at").get(pk=schedule.pk)


def test_an_event_starts_each_schedule_that_waits_for_its_name(tenant, job):
    wanted = {waiting(job, event=name).pk for name in ("order.paid", "order.*", "*")}
    waiting(job, event="order.refunded")
    waiting(job, event="order.paid.*")
    received = send(tenant, payload={"id": 7})
    runs = stored(received)
    assert (received.outcome, received.left_out) == ("started", [])
    assert {run.schedule_id for run in runs} == wanted
    assert {(run.state, run.trigger, run.triggered_by, run.scheduled_for) for run in runs} == {
        ("scheduled", "event", "event:order.paid by system", None)
    }
    told = runs[0].event
    assert (told["id"], told["name"], told["sender"], told["payload"]) == (
        str(received.pk),
        "order.paid",
        "system",
        {"id": 7},
    )


def test_overrides_are_the_schedules_and_the_event_stands_beside_them(tenant, job):
    waiting(job, payload={"duration_seconds": 1})
    run = stored(send(tenant, payload={"duration_seconds": 99}))[0]
    assert (run.payload, run.event["payload"]) == ({"duration_seconds": 1}, {"duration_seconds": 99})
    again = executions.replay(execution=executions.cancel(execution=run))
    assert (again.trigger, again.event) == ("replay", run.event)


def test_what_does_not_take_an_event_says_why(tenant, job):
    soon, past = rows.now() + timedelta(hours=1), rows.now() - timedelta(hours=1)
    waiting(job, event_filter="event.payload.total > 100")
    waiting(job, event_filter="event.payload.missing == 1")
    schedules.pause(schedule=waiting(job))
    waiting(job, start_at=soon)
    over = waiting(job, end_at=soon)
    Schedule.objects.filter(pk=over.pk).update(end_at=past)
    received = send(tenant, payload={"total": 1})
    assert (received.outcome, received.started) == ("left_out", [])
    assert reasons(received) == ["FILTER", "FILTER_FAILED", "PAUSED_SCHEDULE", "NOT_YET", "ENDED"]
    assert received.left_out[0]["detail"] == "event.payload.total > 100"
    assert "there is no 'missing'" in received.left_out[1]["detail"]
    assert received.left_out[0]["job_name"] == "a"


def test_a_held_job_takes_no_event_and_takes_the_next_when_it_goes_on(tenant, job):
    schedule = waiting(job)
    job_states.pause(job=job)
    assert reasons(send(tenant)) == ["PAUSED_JOB"]
    job_states.disable(job=job)
    assert reasons(send(tenant)) == ["DISABLED"]
    job_states.activate(job=job)
    assert send(tenant).outcome == "started"
    assert state(schedule) == ("active", None, None)
    jobs.delete(job=job)
    assert (send(tenant).outcome, Execution.objects.filter(job=job).count()) == ("unmatched", 1)


def test_an_event_that_nobody_waits_for_is_kept_too(tenant, job):
    received = send(tenant)
    assert (received.outcome, received.started, received.left_out) == ("unmatched", [], [])
    assert ReceivedEvent.objects.get(pk=received.pk).name == "order.paid"


def test_a_schedule_ends_with_its_last_run(tenant, job):
    schedule = waiting(job, max_runs=2)
    assert [send(tenant).outcome for _ in range(3)] == ["started", "started", "left_out"]
    schedule.refresh_from_db()
    assert (schedule.runs, schedule.state) == (2, "ended")
    schedules.update(schedule=schedule, fields={"max_runs": 3})
    assert [send(tenant).outcome for _ in range(2)] == ["started", "left_out"]


def test_a_key_counts_once_within_its_window(tenant, job):
    waiting(job)
    first, second = send(tenant, dedup_key="k"), send(tenant, dedup_key="k")
    assert (second.outcome, second.duplicate_of, second.started) == ("duplicate", first.pk, [])
    waiting(job, event="order.refunded")
    assert send(tenant, "order.refunded", dedup_key="k").outcome == "started"
    assert send(tenant, dedup_key="other").outcome == "started"


def test_a_key_counts_again_after_its_window(owner):
    made = owner.api.post("/api/v1/jobs", {"name": "a", "type": "dummy", "schedules": [EVENT]})
    assert made.status_code == 201, made.content
    body = {"name": "order.paid", "dedup_key": "k"}
    assert owner.api.post("/api/v1/events", body).json()["outcome"] == "started"
    rows.change("UPDATE reservation SET expires_at = now() - interval '1 s' WHERE tenant_id = %s", owner.tenant.pk)
    assert [owner.api.post("/api/v1/events", body).json()["outcome"] for _ in range(2)] == ["started", "duplicate"]


def test_runs_beyond_the_quota_are_left_out(tenant, job):
    for _ in range(3):
        waiting(job)
    tenant.max_unfinished = 2
    received = send(tenant)
    assert (len(received.started), reasons(received)) == (2, ["QUOTA"])


def test_events_that_come_close_together_make_one_run_with_the_last_payload(tenant, job):
    waiting(job, debounce_seconds=60)
    first, second = send(tenant, payload={"n": 1}), send(tenant, payload={"n": 2})
    before, after = first.started[0], second.started[0]
    assert (before["debounced"], after["debounced"], before["execution"]) == (False, True, after["execution"])
    run = Execution.objects.get(job=job)
    assert (run.event["payload"], run.event["id"], run.state) == ({"n": 2}, str(second.pk), "scheduled")
    assert run.not_before == second.received_at + timedelta(seconds=60)


def test_a_steady_stream_runs_all_the_same(tenant, job):
    waiting(job, debounce_seconds=60)
    run = stored(send(tenant))[0]
    made = rows.now() - timedelta(seconds=590)
    Execution.objects.filter(pk=run.pk).update(created_at=made)
    send(tenant)
    run.refresh_from_db()
    assert run.not_before == made + timedelta(seconds=600)


@pytest.mark.parametrize(
    "column", [{"not_before": "now"}, {"ripened_at": "now", "state": "pending"}, {"state": "blocked"}, {"epoch": 1}]
)
def test_what_does_not_wait_any_more_is_left_alone_and_the_next_one_made(tenant, job, column):
    waiting(job, debounce_seconds=60)
    run = stored(send(tenant, payload={"n": 1}))[0]
    Execution.objects.filter(pk=run.pk).update(
        **{name: rows.now() if value == "now" else value for name, value in column.items()}
    )
    later = send(tenant, payload={"n": 2})
    assert later.started[0]["debounced"] is False
    assert {each.event["payload"]["n"] for each in Execution.objects.filter(job=job)} == {1, 2}
    assert Execution.objects.get(pk=run.pk).event["payload"] == {"n": 1}


def test_with_too_many_schedules_nothing_starts(tenant, job):
    waiting(job)
    template = Schedule.objects.get(job=job)
    for _ in range(MOST_SCHEDULES):
        template.pk, template._state.adding = new_id(), True
        template.save(force_insert=True)
    with pytest.raises(events.TooMany):
        send(tenant)
    assert not Execution.objects.filter(job=job).exists()


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"name": "order paid"}, "name"),
        ({"name": "order.*"}, "name"),
        ({"payload": {"a": "x" * MOST_PAYLOAD}}, "payload"),
    ],
)
def test_events_that_cannot_be_taken_are_refused_by_field(tenant, said, field):
    with pytest.raises(errors.Invalid) as refused:
        send(tenant, **said)
    assert list(refused.value.details) == [field]


def test_sending_takes_the_right_to_run(owner, tenant):
    with acting.as_(owner, "viewer"), pytest.raises(actors.MissingPermission):
        send(tenant)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"event": None}, "event"),
        ({"event": "a b"}, "event"),
        ({"event_filter": "payload.x == 1"}, "event_filter"),
        ({"event_filter": "event.payload.x + 1"}, "event_filter"),
        ({"jitter_seconds": 5}, "jitter_seconds"),
        ({"calendars": [{"calendar": "de"}]}, "calendars"),
        ({"expression": "* * * * *"}, "expression"),
        ({"end_at": rows.now() - timedelta(days=1)}, "end_at"),
        ({"kind": "cron", "event": None, "expression": "* * * * *", "event_filter": "true"}, "event_filter"),
        ({"kind": "cron", "event": None, "expression": "* * * * *", "debounce_seconds": 1}, "debounce_seconds"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused_by_field(job, said, field):
    with pytest.raises(errors.InvalidSchedule) as refused:
        waiting(job, **said)
    assert list(refused.value.details) == [field]


def test_no_change_makes_the_planner_look_at_it(tenant, job):
    schedule = waiting(job)
    assert (schedule.state, schedule.next_run_at, state(schedule)) == ("active", None, ("active", None, None))
    schedules.update(schedule=schedule, fields={"event": "order.refunded", "end_at": rows.now() + timedelta(days=1)})
    schedules.resume(schedule=schedules.pause(schedule=schedule))
    job_states.pause(job=job)
    job_states.resume(job=job)
    assert state(schedule) == ("active", None, None)
    Schedule.objects.filter(pk=schedule.pk).update(due_at=rows.now(), next_run_at=rows.now(), timezone="Europe/Berlin")
    assert state(schedule) == ("active", None, None)
    changed = schedules.update(schedule=schedule, fields={"kind": "cron", "event": None, "expression": "0 0 * * *"})
    assert changed.next_run_at is not None
    assert state(schedule)[1] is not None


def test_a_copy_of_a_job_waits_for_the_same_events_unless_they_are_over(tenant, job):
    over = waiting(job, event="order.refunded", end_at=rows.now() + timedelta(hours=1))
    Schedule.objects.filter(pk=over.pk).update(end_at=rows.now())
    waiting(job, event_filter="event.payload.a == 1", debounce_seconds=5)
    made = copies.duplicate(job=selectors.jobs().get(pk=job.pk), name="b", copied="same")
    assert [(each.event, each.event_filter, each.debounce_seconds, each.state) for each in made.schedules.all()] == [
        ("order.paid", "event.payload.a == 1", 5, "active")
    ]


def test_whoever_asks_is_told_that_it_waits_for_an_event(tenant, job):
    schedule = selectors.schedules().get(pk=waiting(job).pk)
    told = outlooks.of_schedule(schedule)
    assert told.next_run_at is None
    assert "it waits for the event order.paid" in [reason.clause for reason in told.explanation.reasons]
    whole = outlooks.of_job(selectors.jobs().get(pk=job.pk))
    assert "WAITS_FOR_EVENT" in [reason.code for reason in whole.explanation.reasons]
    window = {"since": rows.now(), "until": rows.now() + timedelta(days=1)}
    forecast, slots = forecasts.next_slots(tenant, limit=5, **window)
    assert (slots, forecast.schedules, forecast.held, forecast.unreadable) == ([], 0, 0, 0)


def test_what_became_of_events_is_forgotten_after_days(owner, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 1)
    api = owner.api
    ids = [api.post("/api/v1/events", {"name": f"n{n}"}).json()["id"] for n in range(3)]
    for id_ in ids[:2]:
        rows.change("UPDATE received_event SET received_at = now() - interval '7 days 1 hour' WHERE id = %s", id_)
    with logins.engine():
        retention.prune()
    assert [row["id"] for row in api.get("/api/v1/events").json()["data"]] == ids[2:]
