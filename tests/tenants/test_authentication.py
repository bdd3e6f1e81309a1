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


@pytest.mark.parametrize("header", ["x-api-key", "X-API-KEY", "X-Executor-Auth-Token", "x-executor-auth-token"])
def test_key_is_taken_from_its_headers_in_any_letter_case(owner, header):
    assert asked(**{header: owner.key}) == (200, None)
    assert asked(**{header: "ck_nonsense"}) == (401, "UNAUTHENTICATED")


def test_two_headers_must_hold_the_same(owner, outsider):
    assert asked(**{"X-API-Key": owner.key, "Authorization": f"Bearer {owner.key}"}) == (200, None)
    assert asked(**{"X-API-Key": owner.key, "Authorization": "Basic eDp5"}) == (200, None)
    for header in ("X-Executor-Auth-Token", "Authorization"):
        other = f"Bearer {outsider.key}" if header == "Authorization" else outsider.key
        answer = Client(headers={"X-API-Key": owner.key, header: other}).get(JOBS)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "UNAUTHENTICATED")
        assert (
            answer.json()["error"]["message"] == f"X-API-Key and {header} hold different credentials: send one of them"
        )


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
