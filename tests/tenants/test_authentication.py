"""Who may come in: live keys of active tenants, in either header."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from tenants.rules import api_keys
from tests.support import rows

JOBS = "/api/v1/jobs"


def asked(**headers):
    answer = Client(headers=headers).get(JOBS)
    return answer.status_code, answer.json().get("error", {}).get("code")


def test_key_is_taken_from_either_header(owner):
    assert asked(**{"X-API-Key": owner.key}) == (200, None)
    assert asked(Authorization=f"Bearer {owner.key}") == (200, None)


@pytest.mark.parametrize("key", ["", "nonsense", "ck_", api_keys.Key("a" * 12, "b" * 32).text])
def test_unknown_key_is_refused(key):
    assert asked(**{"X-API-Key": key}) == (401, "UNAUTHENTICATED")


def test_right_id_with_a_wrong_secret_is_refused(owner):
    key = api_keys.parse(owner.key)
    forged = api_keys.Key(key.key_id, api_keys.generate().secret)
    assert asked(**{"X-API-Key": forged.text}) == (401, "UNAUTHENTICATED")


def test_expired_key_says_so(owner):
    rows.change(
        "UPDATE api_key SET expires_at = %s WHERE tenant_id = %s", rows.now() - timedelta(seconds=1), owner.tenant.id
    )
    assert asked(**{"X-API-Key": owner.key}) == (401, "KEY_EXPIRED")


def test_keys_of_a_suspended_tenant_are_refused(owner):
    rows.change("UPDATE tenant SET state = 'suspended' WHERE id = %s", owner.tenant.id)
    assert asked(**{"X-API-Key": owner.key}) == (403, "TENANT_SUSPENDED")


def test_last_use_is_noted(owner):
    asked(**{"X-API-Key": owner.key})
    assert rows.fetch("SELECT last_used_at IS NULL FROM api_key WHERE tenant_id = %s", owner.tenant.id) == [(False,)]
