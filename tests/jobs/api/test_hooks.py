"""``/hooks`` over HTTP: what is shown once, and how it is changed and rotated."""

from __future__ import annotations

import pytest

from tests.support import rows

HOOK = {"name": "shop", "event": "order.paid", "scheme": "standard"}


def make(owner, **said):
    answer = owner.api.post("/api/v1/hooks", {**HOOK, **said})
    assert answer.status_code == 201, answer.content
    return answer


def test_address_and_secret_are_shown_once_and_stored_nowhere_readable(owner):
    answer = make(owner, headers=["X-Shop", "x-shop"])
    made = answer.json()
    token = made["url"].rsplit("/", 1)[1]
    assert answer["Cache-Control"] == "no-store"
    assert made["url"].endswith(f"/hooks/{token}")
    assert made["secret"].startswith("whsec_")
    assert made["headers"] == ["x-shop"]
    shown = owner.api.get(f"/api/v1/hooks/{made['id']}").json()
    assert shown == {name: value for name, value in made.items() if name not in ("url", "secret")}
    stored = repr(rows.fetch("SELECT h::text FROM hook h WHERE id = %s", made["id"]))
    trail = repr(rows.fetch("SELECT changes FROM audit_event WHERE tenant_id = %s", owner.tenant.id))
    assert not {token, made["secret"]} & {text for text in (token, made["secret"]) if text in stored + trail}


def test_a_secret_that_the_sender_made_is_taken_and_not_repeated(owner):
    made = make(owner, scheme="github", secret="one of the sender's own").json()
    assert made["secret"] == "one of the sender's own"
    assert make(owner, name="open", scheme="none").json()["secret"] is None


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"name": "a b"}, "name"),
        ({"event": "order.*"}, "event"),
        ({"scheme": "md5"}, "scheme"),
        ({"secret": "whsec_short"}, "secret"),
        ({"scheme": "none", "secret": "what for? what for?"}, "secret"),
        ({"headers": ["Authorization"]}, "headers"),
        ({"headers": ["X-Gitlab-Token"]}, "headers"),
        ({"headers": ["X-Hub-Signature-256"]}, "headers"),
        ({"headers": ["webhook-signature"]}, "headers"),
        ({"headers": ["a b"]}, "headers"),
        ({"headers": [f"x-{n}" for n in range(11)]}, "headers"),
    ],
)
def test_a_hook_that_would_not_do_is_refused_by_field(owner, said, field):
    answer = owner.api.post("/api/v1/hooks", {**HOOK, **said})
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (422, [field])


def test_a_name_is_taken_once(owner):
    make(owner)
    answer = owner.api.post("/api/v1/hooks", HOOK)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "CONFLICT")


def test_what_may_be_changed_is_changed(owner):
    path = f"/api/v1/hooks/{make(owner).json()['id']}"
    changed = owner.api.patch(
        path, {"event": "order.refunded", "headers": ["X-A"], "description": "of the shop"}
    ).json()
    assert (changed["event"], changed["headers"], changed["description"]) == ("order.refunded", ["x-a"], "of the shop")
    assert owner.api.patch(path, {"scheme": "none"}).status_code == 400
    assert owner.api.post(f"{path}/enable", {}).status_code == 409
    assert owner.api.post(f"{path}/disable", {}).json()["enabled"] is False
    assert owner.api.delete(path).status_code == 204
    assert owner.api.get(path).status_code == 404


def test_what_is_not_signed_has_no_secret_to_rotate(owner):
    path = f"/api/v1/hooks/{make(owner, scheme='none').json()['id']}"
    assert owner.api.post(f"{path}/rotate-secret", {}).status_code == 409
    assert owner.api.post(f"{path}/rotate-token", {}).json()["secret"] is None
