"""API keys at the console."""

from __future__ import annotations

import secrets
from datetime import timedelta

from tenants.rules import api_keys
from tests.support import console as support
from tests.support import rows
from tests.support.actors import Api
from tests.support.console import Console


def test_a_new_key_is_shown_once_and_works(console: Console) -> None:
    tenant = rows.tenant()
    form = {"tenant": str(tenant), "name": "billing", "scopes": ["jobs:read"], "days": "30"}
    answer = console.client.post(support.url("tenants_apikey_add"), form)
    text = answer.context["text"]
    assert api_keys.parse(text)
    assert text in answer.content.decode()
    assert Api(text).get("/api/v1/jobs").status_code == 200
    ((key, expires_at),) = rows.fetch("SELECT id, expires_at FROM api_key WHERE tenant_id = %s", tenant)
    assert timedelta(days=29) < expires_at - rows.now() <= timedelta(days=30)
    assert text not in console.page("tenants_apikey_change", key)


def test_keys_of_the_platform_are_made_here_and_have_its_scope_alone(console: Console) -> None:
    form = {"tenant": "", "name": secrets.token_hex(4), "scopes": ["jobs:read", "platform"], "days": ""}
    key = Api(console.client.post(support.url("tenants_apikey_add"), form).context["text"])
    name = f"q-{secrets.token_hex(4)}"
    assert key.post("/api/v1/queues", {"name": name}).status_code == 201
    assert key.delete(f"/api/v1/queues/{name}").status_code == 204
    answer = console.client.post(support.url("tenants_apikey_add"), {**form, "tenant": str(rows.tenant())})
    assert "scopes" in answer.context["form"].errors


def test_a_key_is_rotated_and_its_successor_shown_once(console: Console) -> None:
    key = support.api_key(rows.tenant())
    answer = console.press("tenants_apikey_rotate", key, hours="1")
    assert Api(answer.context["text"]).get("/api/v1/jobs").status_code == 200
    assert 'id="dialog"' in answer.content.decode()
    [(left,)] = rows.fetch("SELECT expires_at - now() FROM api_key WHERE id = %s", key)
    assert timedelta(minutes=59) < left <= timedelta(hours=1)
    assert "two live keys" in str(support.problems(console.press("tenants_apikey_rotate", key, hours="1"))).lower()


def test_name_and_addresses_are_changed(console: Console) -> None:
    key = support.api_key(rows.tenant())
    console.pressed("tenants_apikey_edit", key, name="ledger", addresses="10.0.0.0/8\n203.0.113.7")
    page = support.text_of(console.page("tenants_apikey_change", key))
    assert "ledger" in page
    assert "10.0.0.0/8, 203.0.113.7" in page
    refused = console.press("tenants_apikey_edit", key, name="ledger", addresses="10.0.0.1/8")
    assert "10.0.0.1/8" in str(support.problems(refused))


def test_a_key_without_scopes_is_refused(console: Console) -> None:
    answer = console.client.post(support.url("tenants_apikey_add"), {"tenant": str(rows.tenant()), "name": "x"})
    assert "scopes" in answer.context["form"].errors


def test_a_revoked_key_is_refused_from_then_on(console: Console) -> None:
    key = support.api_key(rows.tenant())
    console.pressed("tenants_apikey_revoke", key)
    assert rows.fetch("SELECT revoked_at IS NOT NULL FROM api_key WHERE id = %s", key) == [(True,)]
    page = console.page("tenants_apikey_change", key)
    assert "revoked" in page
    assert support.url("tenants_apikey_revoke", key) not in page


def test_an_expired_key_is_marked_as_such(console: Console) -> None:
    key = support.api_key(rows.tenant())
    rows.change("UPDATE api_key SET expires_at = now() - interval '1 day' WHERE id = %s", key)
    assert "</span>expired</span>" in console.page("tenants_apikey_change", key)
