"""Job templates over the API: kept, tried, and made jobs of, all or none."""

from __future__ import annotations

from typing import Any

import pytest

from jobs import gallery
from jobs.callables import job_handler, registry
from tests.support import rows

TEMPLATE = {
    "name": "warm",
    "category": "caching",
    "parameters": {
        "type": "object",
        "required": ["shop"],
        "properties": {
            "shop": {"type": "string", "minLength": 1, "maxLength": 40},
            "priority": {"type": "integer", "minimum": 0, "maximum": 9, "default": 7},
            "hour": {"type": "integer", "default": 3},
        },
    },
    "body": {
        "name": "warm-<<shop>>",
        "type": "http",
        "priority": "<<priority>>",
        "payload": {"url": "https://<<shop>>.example.com/warm", "body": {"at": "{{ now }}"}},
        "schedules": [{"kind": "cron", "expression": "0 <<hour>> * * *", "timezone": "Europe/Berlin"}],
    },
}


@pytest.fixture
def template(owner: Any) -> dict[str, Any]:
    answer = owner.api.post("/api/v1/templates", TEMPLATE)
    assert answer.status_code == 201, answer.json()
    made: dict[str, Any] = answer.json()
    return made


def refused(answer: Any, status: int = 422) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    told: dict[str, Any] = answer.json()["error"]["details"]
    return told


def path(template: dict[str, Any], verb: str = "") -> str:
    return f"/api/v1/templates/{template['id']}" + (f"/{verb}" if verb else "")


def jobs_of(owner: Any) -> list[str]:
    return sorted(name for (name,) in rows.fetch("SELECT name FROM job WHERE tenant_id = %s", owner.tenant.id))


def test_a_preview_shows_the_job_and_its_next_runs_and_stores_nothing(owner, template):
    before = rows.fetch("SELECT count(*) FROM audit_event")
    answer = owner.api.post(path(template, "preview"), {"parameters": {"shop": "north", "hour": 23}})
    assert answer.status_code == 200, answer.content
    job, runs = answer.json()["job"], answer.json()["next"]
    assert (job["name"], job["priority"]) == ("warm-north", 7)
    assert job["payload"] == {"url": "https://north.example.com/warm", "body": {"at": "{{ now }}"}}
    assert [run["local"][11:16] for run in runs] == ["23:00"] * 10
    assert (jobs_of(owner), rows.fetch("SELECT count(*) FROM audit_event")) == ([], before)


def test_a_preview_tells_all_that_is_wrong_with_the_job_by_its_place(owner, template):
    told = refused(owner.api.post(path(template, "preview"), {"parameters": {"hour": "late", "wrong": 1}}))
    assert set(told) == {"parameters.shop", "parameters.hour", "parameters.wrong"}
    told = refused(owner.api.post(path(template, "preview"), {"parameters": {"shop": "north", "hour": 99}}))
    assert list(told) == ["schedules[0].expression"]


def test_items_become_jobs_with_schedules_and_the_trail_says_of_which_template(owner, template):
    items = [{"parameters": {"shop": "north"}}, {"name": "the other", "parameters": {"shop": "south", "priority": 0}}]
    answer = owner.api.post(path(template, "instantiate"), {"items": items})
    assert answer.status_code == 201, answer.content
    made = answer.json()["data"]
    assert [(job["name"], job["priority"], len(job["schedules"])) for job in made] == [
        ("warm-north", 7, 1),
        ("the other", 0, 1),
    ]
    trail = owner.api.get(f"/api/v1/audit-events?action=job.created&object_id={made[0]['id']}").json()["data"]
    assert trail[0]["changes"]["template"] == [None, "warm, version 1"]


def test_one_refused_item_and_nothing_is_made_and_every_refused_one_is_named(owner, template):
    items: list[dict[str, Any]] = [
        {"parameters": {"shop": "north"}},
        {"parameters": {}},
        {"name": "a/b", "parameters": {"shop": "south"}},
        {"parameters": {"shop": "north"}},
    ]
    told = refused(owner.api.post(path(template, "instantiate"), {"items": items}))
    assert list(told) == ["items[1].parameters.shop", "items[2].name", "items[3].name"]
    assert jobs_of(owner) == []
    assert "items" in refused(owner.api.post(path(template, "instantiate"), {"items": [{}] * 101}))


def test_an_idempotency_key_makes_the_jobs_once(owner, template):
    client, wish = owner.api._client, {"items": [{"parameters": {"shop": "north"}}]}
    both = [
        client.post(path(template, "instantiate"), wish, "application/json", headers={"Idempotency-Key": "k1"})
        for _ in range(2)
    ]
    assert [answer.status_code for answer in both] == [201, 201]
    assert both[1].headers["Idempotent-Replayed"] == "true"
    assert jobs_of(owner) == ["warm-north"]


def test_the_quota_of_jobs_holds(owner, template):
    rows.change("UPDATE tenant SET max_jobs = 1 WHERE id = %s", owner.tenant.id)
    items = [{"parameters": {"shop": shop}} for shop in ("north", "south")]
    answer = owner.api.post(path(template, "instantiate"), {"items": items})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "QUOTA_EXCEEDED")
    assert jobs_of(owner) == []


def test_one_that_is_not_active_makes_nothing_and_can_be_tried(owner, template):
    assert owner.api.patch(path(template), {"active": False}).json()["version"] == 2
    wish = {"parameters": {"shop": "north"}}
    answer = owner.api.post(path(template, "instantiate"), {"items": [wish]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "INVALID_STATE")
    assert owner.api.post(path(template, "preview"), wish).status_code == 200


def test_a_change_makes_a_version_and_an_outdated_editor_is_refused(owner, template):
    assert owner.api.patch(path(template), {"name": "warm"}).json()["version"] == 1
    tag = owner.api.get(path(template)).headers["ETag"]
    tried = owner.api.patch(path(template) + "?dry_run=true", {"category": "other"}).json()
    assert tried["diff"]["category"] == ["caching", "other"]
    assert owner.api.patch(path(template), {"category": "other"}).json()["version"] == 2
    headers = {"If-Match": tag}
    late = owner.api._client.patch(path(template), {"category": "x"}, "application/json", headers=headers)
    assert (late.status_code, late.json()["error"]["details"]["version"]) == (412, 2)
    assert refused(owner.api.post("/api/v1/templates", TEMPLATE), 409)["name"]
    assert owner.api.delete(path(template)).status_code == 204
    assert owner.api.get(path(template)).status_code == 404


def test_what_could_never_be_filled_is_refused_when_it_is_stored(owner):
    def stored(**fields: Any) -> Any:
        return owner.api.post("/api/v1/templates", {**TEMPLATE, **fields})

    assert list(refused(stored(body={"name": "<<shpo>>"}))) == ["body.name"]
    assert list(refused(stored(body={"nmae": "x"}), 400)) == ["body.nmae"]
    assert list(refused(stored(parameters={"properties": {"a": {"type": "string", "pattern": "x"}}}))) == [
        "parameters.properties.a.pattern"
    ]
    assert list(refused(stored(body={"payload": {"x": "y" * 140_000}}))) == ["body"]
    assert rows.fetch("SELECT count(*) FROM job_template WHERE tenant_id = %s", owner.tenant.id) == [(0,)]


def test_bodies_are_null_without_their_scope(owner, template):
    from tests.support.actors import Api

    key = owner.api.post("/api/v1/api-keys", {"name": "blind", "scopes": ["jobs:read", "jobs:write"]}).json()["key"]
    blind = Api(key)
    assert blind.get(path(template)).json()["body"] is None
    assert blind.patch(path(template) + "?dry_run=true", {"body": {}}).json()["diff"]["body"] == [None, None]
    shown = blind.post(path(template, "preview"), {"parameters": {"shop": "north"}}).json()
    assert shown["job"]["payload"] is None


def test_the_list_has_the_tenant_s_own_and_the_gallery(owner, outsider, template):
    told = owner.api.get("/api/v1/templates").json()["data"]
    assert [(each["name"], each["source"]) for each in told] == [
        ("warm", "own"),
        *((name, "gallery") for name in sorted(gallery.entries())),
    ]
    assert [each["name"] for each in owner.api.get("/api/v1/templates?source=own").json()["data"]] == ["warm"]
    of_one = owner.api.get("/api/v1/templates?category=caching&source=gallery").json()["data"]
    assert [each["id"] for each in of_one] == ["cache-refresh"]
    assert outsider.api.get("/api/v1/templates?source=own").json()["data"] == []
    assert outsider.api.post(path(template, "instantiate"), {"items": [{}]}).status_code == 404


def test_the_gallery_stays_as_it_is(owner):
    for send in (owner.api.delete, lambda at: owner.api.patch(at, {"active": False})):
        answer = send("/api/v1/templates/cache-refresh")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "CONFLICT")
    assert owner.api.get("/api/v1/templates/cache-refresh").json()["source"] == "gallery"


@pytest.fixture
def clean_up(owner, monkeypatch):
    """The callable that the gallery's example names."""
    monkeypatch.setattr(registry, "_registry", dict(registry._registry))

    @job_handler(name="shop.jobs:delete_old_carts")
    def delete_old_carts(older_than_days: int) -> int:
        """Deletes old carts."""
        return older_than_days

    granted = """allowed_callables = '["shop.jobs:*"]', allow_network = true"""
    rows.change(f"UPDATE tenant SET {granted} WHERE id = %s", owner.tenant.id)


@pytest.mark.usefixtures("clean_up")
def test_every_template_of_the_gallery_makes_its_example_once_the_secret_is_there(owner):
    kinds = set()
    for name, entry in gallery.entries().items():
        at = f"/api/v1/templates/{name}"
        secrets = [each["default"] for key, each in entry.parameters["properties"].items() if key.endswith("_secret")]
        if secrets:
            told = refused(owner.api.post(f"{at}/preview", {"parameters": entry.example}))
            assert "there is no secret named" in str(told), name
        for secret in secrets:
            owner.api.post("/api/v1/secrets", {"name": secret, "value": "a long enough value"})
        previewed = owner.api.post(f"{at}/preview", {"parameters": entry.example})
        assert previewed.status_code == 200, (name, previewed.content)
        assert bool(previewed.json()["next"]) == ("schedules" in entry.body)
        made = owner.api.post(f"{at}/instantiate", {"items": [{"parameters": entry.example}]})
        assert made.status_code == 201, (name, made.content)
        kinds.add(made.json()["data"][0]["type"])
        assert "<<" not in str(made.json()["data"][0]["payload"]).replace("<<=", "")
    assert kinds == {"http", "script", "python"}
    assert len(gallery.entries()) == 7
