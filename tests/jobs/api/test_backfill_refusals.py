"""Backfills that are refused, by whom and by which field, and bounds of those that are not."""

from __future__ import annotations

from tests.support import actors, rows
from tests.support.operations import steps
from tests.support.slots import backfill, backfill_path, hourly

NOW = "2026-01-01T00:00:00Z"
#: What is refused, and by which field.
REFUSED = [
    ({"until": "2199-01-01T00:00:00Z"}, "until"),
    ({"until": "2026-01-01T00:00:00Z"}, "from"),
    ({"from": "2010-01-01T00:00:00Z", "until": NOW}, "from"),
    ({"from": "yesterday"}, "from"),
    ({"which": "nonsense"}, "which"),
    ({"order": "nonsense"}, "order"),
    ({"max_active": 0}, "max_active"),
    ({"max_active": 1001}, "max_active"),
    ({"payload": []}, "payload"),
    ({"payload": {"duration_seconds": "long"}}, "payload.duration_seconds"),
    ({"reason": ""}, "reason"),
    ({"nonsense": 1}, "nonsense"),
]


def test_what_cannot_be_meant_is_refused_by_its_field(owner, hours):
    for body, field in REFUSED:
        answer = owner.api.post(backfill_path(hours), hours.wish(3) | body)
        assert answer.status_code in (400, 422), body
        assert list(answer.json()["error"]["details"]) == [field]
    assert rows.fetch("SELECT count(*) FROM operation WHERE tenant_id = %s", owner.tenant.id) == [(0,)]


def test_one_that_makes_nothing_has_no_most_in_flight(owner, hours):
    rows.execution(hours.job, "pending")
    bulk = owner.api.post("/api/v1/executions/bulk", {"action": "cancel", "all": True, "reason": "x"}).json()
    answer = owner.api.patch(f"/api/v1/operations/{bulk['id']}", {"max_active": 4})
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (422, ["max_active"])
    assert owner.api.patch(f"/api/v1/operations/{bulk['id']}", {}).status_code in (400, 422)


def test_who_may_only_look_or_is_another_tenants_starts_nothing(owner, teammate, outsider, hours):
    assert teammate.api.post(backfill_path(hours), hours.wish(3)).status_code == 403
    assert outsider.api.post(backfill_path(hours), hours.wish(3)).status_code == 404
    runner = actors.with_scopes(owner, ["executions:run"])
    assert runner.api.post(backfill_path(hours), hours.wish(3)).status_code == 202
    script = hourly(rows.job(owner.tenant.id, type="script", payload={"script": "true"}))
    assert runner.api.post(backfill_path(script), script.wish(3, payload={"script": "false"})).status_code == 403


def test_a_long_time_is_counted_up_to_a_bound_and_run_whole(owner, hours, monkeypatch):
    monkeypatch.setattr("jobs.services.backfills.MOST_EXAMINED", 3)
    told = owner.api.post(f"{backfill_path(hours)}?dry_run=true", hours.wish(9)).json()
    assert (told["slots"], told["examined"], told["matched"], told["matched_is_capped"]) == (10, 3, 3, True)
    operation = backfill(owner, hours, 9)
    assert (operation["matched"], operation["matched_is_capped"]) == (3, True)
    steps(operation)
    assert len(hours.made()) == 10
