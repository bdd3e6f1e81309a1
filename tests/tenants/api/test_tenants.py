"""/tenants, /quotas: the platform makes and limits, a tenant's administrators name theirs and set its defaults."""

from __future__ import annotations

import secrets
from datetime import timedelta

import pytest

from jobs import file_room
from tests.support import actors, artifacts, rows
from tests.support.actors import Api

TENANTS = "/api/v1/tenants"
NOWHERE = "/api/v1/tenants/not-there"


@pytest.fixture
def operator():
    return actors.operator()


@pytest.fixture
def path(owner):
    return f"{TENANTS}/{owner.tenant.slug}"


@pytest.fixture
def slug():
    return f"t-{secrets.token_hex(6)}"


def test_operators_make_find_and_limit_tenants(operator, slug):
    given = {"slug": slug, "name": "Acme", "weight": 3, "max_jobs": 10, "allowed_queues": ["default"]}
    made = operator.api.post(TENANTS, given)
    assert made.status_code == 201, made.content
    shown = made.json()
    assert {name: shown[name] for name in given} == given
    assert (shown["state"], shown["max_unfinished"], shown["throttle"]) == ("active", None, None)
    assert operator.api.get(f"{TENANTS}/{slug}").json() == shown
    changes = {
        "max_running": 5,
        "rate_limit": "10/m",
        "max_unfinished": 100,
        "retention_days": 7,
        "name": "B",
        "api_rate_limit": "50/s",
    }
    changed = operator.api.patch(f"{TENANTS}/{slug}", changes).json()
    assert changed == {**shown, **changes}
    assert operator.api.get(TENANTS, limit=200).status_code == 200
    actions = rows.fetch("SELECT DISTINCT action FROM audit_event WHERE tenant_id = %s", shown["id"])
    assert set(actions) == {("tenant.created",), ("tenant.updated",)}


def test_nothing_is_half_changed(operator, owner, path):
    answer = operator.api.patch(path, {"name": "New", "max_jobs": 1, "allowed_hosts": ["http://x/"]})
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (422, ["allowed_hosts"])
    assert operator.api.get(path).json()["max_jobs"] is None


def test_an_administrator_sees_and_names_their_own_and_changes_nothing_else(owner, path):
    assert owner.api.get(path).json()["slug"] == owner.tenant.slug
    assert owner.api.patch(path, {"name": "Ours"}).json()["name"] == "Ours"
    for change in (
        {"max_jobs": 1_000},
        {"weight": 100},
        {"allowed_callables": ["*"]},
        {"allow_network": True},
        {"allow_requirements": True},
        {"name": "X", "max_running": None},
    ):
        assert owner.api.patch(path, change).json()["error"]["code"] == "MISSING_SCOPE"
    assert owner.api.get(path).json()["name"] == "Ours"


@pytest.mark.parametrize(
    ("method", "of", "body"),
    [
        ("GET", "", None), ("PATCH", "", {"name": "X"}), ("GET", "/defaults", None), ("GET", "/usage", None),
        ("PATCH", "/defaults", {"timezone": "UTC"}),
    ],
)  # fmt: skip
def test_another_tenants_slug_answers_as_if_it_did_not_exist(outsider, path, method, of, body):
    answers = [outsider.api.send(method, where + of, body) for where in (path, NOWHERE)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json()["error"]["message"] == answers[1].json()["error"]["message"]


@pytest.mark.parametrize("action", ["suspend", "activate", "throttle", "unthrottle"])
def test_holding_a_tenant_takes_the_platform(owner, operator, path, action):
    assert owner.api.post(f"{path}/{action}").json()["error"]["code"] == "MISSING_SCOPE"
    assert operator.api.post(f"{NOWHERE}/{action}").status_code == 404
    for api in (owner.api, Api("")):
        assert api.get(TENANTS).status_code in (401, 403)
        assert api.post(TENANTS, {"slug": "x", "name": "X"}).status_code in (401, 403)


def test_a_suspended_tenants_keys_are_refused_with_the_reason(owner, operator, path):
    assert operator.api.post(f"{path}/suspend", {"reason": "unpaid since May"}).json()["state"] == "suspended"
    refused = owner.api.get("/api/v1/jobs")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "TENANT_SUSPENDED")
    assert "unpaid since May" in refused.json()["error"]["message"]
    activated = operator.api.post(f"{path}/activate").json()
    assert (activated["state"], activated["suspension_reason"]) == ("active", "")
    assert owner.api.get("/api/v1/jobs").status_code == 200


def test_a_throttle_is_set_and_ended(operator, path):
    until = "2099-01-01T00:00:00Z"
    assert operator.api.post(f"{path}/throttle", {"max_running": 1, "until": until}).status_code == 422
    soon = (rows.now().replace(microsecond=0) + timedelta(hours=1)).isoformat()
    assert (
        operator.api.post(f"{path}/throttle", {"max_running": 1, "until": soon}).json()["throttle"]["max_running"] == 1
    )
    assert operator.api.post(f"{path}/unthrottle").json()["throttle"] is None


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"slug": "No Slug"}, "slug"), ({"max_jobs": -1}, "max_jobs"), ({"retention_days": 0}, "retention_days"),
        ({"max_log_bytes": 5}, "max_log_bytes"), ({"allowed_queues": ["a b"]}, "allowed_queues"),
        ({"allowed_job_types": [""]}, "allowed_job_types[0]"), ({"state": "active"}, "state"), ({"weight": 0}, "weight"),
    ],
)  # fmt: skip
def test_a_bad_tenant_is_refused_by_field_and_not_stored(operator, slug, fields, field):
    answer = operator.api.post(TENANTS, {"slug": slug, "name": "Acme", **fields})
    assert answer.status_code in (400, 422)
    assert list(answer.json()["error"]["details"]) == [field]
    assert rows.fetch("SELECT 1 FROM tenant WHERE slug = %s", slug) == []


def test_quotas_say_what_is_allowed_and_used(owner, teammate, settings, tmp_path):
    settings.FILES = tmp_path / "not-here"
    settings.QUOTAS = {"schedules": 9, "log_bytes": 4096}
    rows.change("UPDATE tenant SET max_jobs = 3 WHERE id = %s", owner.tenant.id)
    owner.api.post("/api/v1/jobs", {"name": "a", "type": "dummy"})
    owner.api.post("/api/v1/jobs/a/trigger")
    shown = {row.pop("quota"): row for row in teammate.api.get("/api/v1/quotas").json()["data"]}
    assert {name: (row["limit"], row["used"], row["at_least"]) for name, row in shown.items()} == {
        "jobs": (3, 1, False), "schedules": (9, 0, False), "unfinished": (None, 1, False), "log_bytes": (4096, None, False),
        "artifact_bytes": (None, 0, False), "file_bytes": (None, None, False),
    }  # fmt: skip


def test_quotas_say_how_much_room_files_and_artifacts_take(owner, settings, tmp_path, monkeypatch):
    settings.FILES = tmp_path

    def used() -> dict[str, tuple[int, bool]]:
        told = owner.api.get("/api/v1/quotas").json()["data"]
        stored = [row for row in told if row["quota"] in ("artifact_bytes", "file_bytes")]
        return {row["quota"]: (row["used"], row["at_least"]) for row in stored}

    assert used() == {"artifact_bytes": (0, False), "file_bytes": (0, False)}
    folder = tmp_path / owner.tenant.slug / "in" / "deep"
    folder.mkdir(parents=True)
    (folder / "a").write_bytes(b"x" * 1000)
    (folder / "b").symlink_to("/etc/passwd")
    artifacts.kept(owner.tenant.id, rows.execution(rows.job(owner.tenant.id), "succeeded"), b"x" * 70)
    link = (folder / "b").lstat().st_size
    assert used() == {"artifact_bytes": (70, False), "file_bytes": (1000 + link, False)}
    monkeypatch.setattr(file_room, "MOST_LOOKED_AT", 1)
    assert used()["file_bytes"][1] is True


def test_defaults_are_copied_when_something_is_made_and_change_nothing_stored(owner, path):
    rule = {"kind": "cron", "expression": "0 0 * * *"}
    before = owner.api.post("/api/v1/jobs", {"name": "before", "type": "dummy", "schedules": [rule]}).json()
    given = {"timezone": "Europe/Berlin", "calendars": [], "timeout_seconds": 7.5, "retry": {"max_attempts": 4}}
    assert owner.api.patch(f"{path}/defaults", given).json() == given == owner.api.get(f"{path}/defaults").json()
    after = owner.api.post("/api/v1/jobs", {"name": "after", "type": "dummy", "schedules": [rule]}).json()
    assert (after["timeout_seconds"], after["retry"]["max_attempts"]) == (7.5, 4)
    assert after["schedules"][0]["timezone"] == "Europe/Berlin"
    own = {"timeout_seconds": 9, "retry": {"delay_seconds": 5}, "schedules": [{**rule, "timezone": "Asia/Tokyo"}]}
    named = owner.api.post("/api/v1/jobs", {"name": "named", "type": "dummy", **own}).json()
    assert (named["timeout_seconds"], named["retry"]["delay_seconds"]) == (9, 5)
    assert named["retry"]["max_attempts"] == before["retry"]["max_attempts"]
    assert named["schedules"][0]["timezone"] == "Asia/Tokyo"
    owner.api.patch(f"{path}/defaults", {"timezone": "", "timeout_seconds": None, "retry": {}})
    assert owner.api.get("/api/v1/jobs/after").json() == after
    assert owner.api.get("/api/v1/jobs/before").json() == before


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"timezone": "Berlin"}, "timezone"), ({"timeout_seconds": 0}, "timeout_seconds"), ({"retry": {"max_attempts": 0}}, "retry.max_attempts"),
        ({"retry": {"tries": 3}}, "retry.tries"), ({"queue": "x"}, "queue"),
    ],
)  # fmt: skip
def test_bad_defaults_are_refused_by_field(owner, path, fields, field):
    answer = owner.api.patch(f"{path}/defaults", fields)
    assert answer.status_code in (400, 422)
    assert list(answer.json()["error"]["details"]) == [field]


def test_what_is_not_granted_is_refused_in_definitions_and_requests(owner, operator, path):
    job = {"name": "a", "type": "dummy"}
    assert owner.api.post("/api/v1/jobs", job).status_code == 201
    operator.api.patch(path, {"allowed_job_types": ["http"], "allowed_queues": ["special"]})
    answer = owner.api.post("/api/v1/jobs", {**job, "name": "b"})
    assert (answer.status_code, set(answer.json()["error"]["details"])) == (422, {"type", "queue"})
    assert owner.api.post("/api/v1/jobs/a/trigger").status_code == 422
    operator.api.patch(path, {"allowed_job_types": ["http", "dummy"], "allowed_queues": ["default"]})
    assert owner.api.post("/api/v1/jobs/a/trigger").status_code == 202


def test_usage_is_by_day_within_a_span(owner, path):
    shown = owner.api.get(f"{path}/usage", **{"from": "2026-01-01", "to": "2026-01-03"}).json()
    nothing = {"succeeded": 0, "failed": 0, "cancelled": 0, "skipped": 0, "run_seconds": 0.0, "log_bytes": 0}
    assert shown["data"] == [{"day": f"2026-01-0{n}", **nothing} for n in (1, 2, 3)]
    assert set(shown["now"].values()) == {0}
    assert len(owner.api.get(f"{path}/usage").json()["data"]) == 30
    for span in ({"from": "2026-01-03", "to": "2026-01-01"}, {"from": "2001-01-01"}, {"from": "yesterday"}):
        assert owner.api.get(f"{path}/usage", **span).status_code == 422
