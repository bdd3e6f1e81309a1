"""Who may make which keys, how they are rotated, changed, and from where they may be used."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from tenants import context, errors, requests
from tenants.actors import MissingPermission
from tenants.models import ApiKey
from tenants.rules import permissions
from tenants.services import api_keys
from tests.support import acting, rows, threads
from tests.support.actors import platform

JOBS = "/api/v1/jobs"


@contextmanager
def as_admin(owner: Any) -> Iterator[None]:
    scope = context.within(context.Scope(tenant_id=owner.tenant.id))
    with acting.as_(owner, "admin"), scope, transaction.atomic():
        yield


def used(key: str, address: str = "127.0.0.1", **query: str) -> int:
    """The status of a request with it."""
    return Client(REMOTE_ADDR=address, headers={"X-API-Key": key}).get(JOBS, query).status_code


def make(owner: Any, **fields: Any) -> tuple[ApiKey, str]:
    with as_admin(owner):
        return api_keys.create(
            **{"tenant": owner.tenant, "name": secrets.token_hex(4), "scopes": ["jobs:read"], **fields}
        )


def test_the_platforms_scope_is_for_keys_of_the_platform_alone(owner: Any) -> None:
    with pytest.raises(errors.Invalid) as refused:
        make(owner, scopes=["jobs:read", "platform"])
    assert list(refused.value.details) == ["scopes"]
    with platform(), pytest.raises(errors.Invalid):
        api_keys.create(tenant=owner.tenant, name="x", scopes=["platform"])
    with as_admin(owner), pytest.raises(MissingPermission):
        api_keys.create(tenant=None, name="x", scopes=["jobs:read"])
    with platform():
        key, _ = api_keys.create(tenant=None, name=secrets.token_hex(4), scopes=["jobs:read", "platform"])
    assert (key.tenant, key.scopes) == (None, ["jobs:read", "platform"])


def test_nobody_gives_what_they_do_not_have() -> None:
    half = requests.Actor("key:x", frozenset({permissions.PLATFORM, "jobs:read"}), of_platform=True)
    with acting.as_actor(half), context.within(context.PLATFORM), transaction.atomic():
        with pytest.raises(errors.Invalid, match="cannot give"):
            api_keys.create(tenant=None, name="x", scopes=["jobs:read", "jobs:write"])
        key, _ = api_keys.create(tenant=None, name=secrets.token_hex(4), scopes=["jobs:read"])
    assert key.created_by == "key:x"


def test_a_tenants_key_of_old_with_the_platforms_scope_has_it_no_longer(owner: Any) -> None:
    _, text = make(owner)
    rows.change("UPDATE api_key SET scopes = '{jobs:read,platform}' WHERE key_id = %s", text.split("_")[1])
    client = Client(headers={"X-API-Key": text})
    assert client.post("/api/v1/queues", {"name": "q"}, content_type="application/json").status_code == 403
    assert client.get("/api/v1/me").json()["of_platform"] is False


def test_a_key_of_the_platform_names_its_tenant(owner: Any) -> None:
    with platform():
        _, text = api_keys.create(tenant=None, name=secrets.token_hex(4), scopes=["jobs:read", "platform"])
    assert used(text) == 422
    assert used(text, tenant=owner.tenant.slug) == 200
    assert used(text, tenant="no-such-tenant") == 404
    assert Client(headers={"X-API-Key": text}).get("/api/v1/queues").status_code == 200
    assert used(owner.key, tenant=owner.tenant.slug) == 200
    assert used(owner.key, tenant="no-such-tenant") == 404


def test_keys_of_the_platform_show_to_no_tenant(owner: Any) -> None:
    with platform():
        key, _ = api_keys.create(tenant=None, name=secrets.token_hex(4), scopes=["jobs:read"])
    with as_admin(owner):
        assert ApiKey.objects.filter(pk=key.pk).count() == 0


def test_two_live_keys_share_a_name_and_no_third(owner: Any) -> None:
    make(owner, name="ci")
    second, _ = make(owner, name="ci")
    with pytest.raises(api_keys.TooMany):
        make(owner, name="ci")
    with as_admin(owner):
        api_keys.revoke(key=second)
    make(owner, name="ci")


def test_keys_made_at_the_same_moment_are_two_of_a_name_at_most(owner: Any) -> None:
    def attempt() -> bool:
        try:
            make(owner, name="ci")
        except api_keys.TooMany:
            return False
        return True

    assert sum(threads.together([attempt] * 8)) == 2


def test_a_rotated_key_is_good_for_the_overlap_and_its_successor_as_long_as_it_was(owner: Any) -> None:
    month = timedelta(days=30)
    old, old_text = make(
        owner, name="ci", scopes=["jobs:read", "logs:read"], addresses=["127.0.0.0/8"], expires_at=rows.now() + month
    )
    with as_admin(owner):
        new, new_text = api_keys.rotate(key=old, overlap=timedelta(hours=1))
    assert (new.name, new.scopes, new.addresses) == ("ci", ["jobs:read", "logs:read"], ["127.0.0.0/8"])
    assert abs(new.expires_at - rows.now() - month) < timedelta(minutes=1)
    assert used(old_text) == used(new_text) == 200
    rows.change("UPDATE api_key SET expires_at = expires_at - interval '1 hour' WHERE id = %s", old.pk)
    assert (used(old_text), used(new_text)) == (401, 200)
    actions = rows.fetch("SELECT action FROM audit_event WHERE object_id = %s ORDER BY id", str(old.pk))
    assert actions == [("api_key.created",), ("api_key.rotated",)]


def test_rotating_without_overlap_revokes_at_once_and_never_lengthens_a_life(owner: Any) -> None:
    old, text = make(owner, expires_at=rows.now() + timedelta(minutes=5))
    with as_admin(owner):
        api_keys.rotate(key=old, overlap=timedelta(days=1))
        assert ApiKey.objects.get(pk=old.pk).expires_at == old.expires_at
        third, _ = api_keys.create(tenant=owner.tenant, name="x", scopes=["jobs:read"])
        _, last = api_keys.rotate(key=third, overlap=timedelta(0))
        with pytest.raises(api_keys.Dead):
            api_keys.rotate(key=third, overlap=timedelta(0))
    assert (used(text), used(last)) == (200, 200)


def test_one_of_many_parallel_rotations_makes_a_successor(owner: Any) -> None:
    key, _ = make(owner, name="ci")

    def attempt() -> bool:
        try:
            with as_admin(owner):
                api_keys.rotate(key=key, overlap=timedelta(hours=1))
        except api_keys.TooMany:
            return False
        return True

    assert sum(threads.together([attempt] * 6)) == 1


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(days=31)])
def test_an_overlap_out_of_range_is_refused(owner: Any, overlap: timedelta) -> None:
    key, _ = make(owner)
    with as_admin(owner), pytest.raises(errors.Invalid):
        api_keys.rotate(key=key, overlap=overlap)


@pytest.mark.parametrize(
    ("addresses", "inside", "outside"),
    [
        (["10.0.0.0/8", "203.0.113.7"], ["10.255.0.1", "203.0.113.7"], ["11.0.0.1", "203.0.113.8", "::1"]),
        (["2001:db8::/32"], ["2001:db8::1", "2001:DB8:FFFF::1"], ["2001:db9::1", "10.0.0.1"]),
        (["0.0.0.0/0"], ["1.2.3.4", "::ffff:1.2.3.4"], ["2001:db8::1"]),
    ],
)
def test_a_key_is_good_from_its_addresses_alone(owner: Any, addresses: Any, inside: Any, outside: Any) -> None:
    _, text = make(owner, addresses=addresses)
    assert {used(text, address) for address in inside} == {200}
    assert {used(text, address) for address in outside} == {403}
    answer = Client(REMOTE_ADDR=outside[0], headers={"X-API-Key": text}).get(JOBS)
    assert answer.json()["error"]["code"] == "ADDRESS_REFUSED"


@pytest.mark.parametrize("entry", ["", "10.0.0.1/8", "10.0.0.0/33", "example.com", "10.0.0.0-10.0.0.9", "*", "x" * 64])
def test_what_is_no_address_is_refused(owner: Any, entry: str) -> None:
    with pytest.raises(errors.Invalid) as refused:
        make(owner, addresses=[entry])
    assert list(refused.value.details) == ["addresses"]


def test_name_addresses_and_expiry_are_changed_and_told(owner: Any) -> None:
    key, text = make(owner, name="ci")
    with as_admin(owner):
        api_keys.update(key=key, fields={"name": "cd", "addresses": ["10.1.2.3/32"], "expires_at": None})
    assert used(text) == 403
    [(changes,)] = rows.fetch(
        "SELECT changes FROM audit_event WHERE action = 'api_key.updated' AND object_id = %s", str(key.pk)
    )
    assert changes == {"name": ["ci", "cd"], "addresses": [[], ["10.1.2.3"]]}
    with as_admin(owner), pytest.raises(errors.Invalid):
        api_keys.update(key=key, fields={"expires_at": rows.now() - timedelta(seconds=1)})
    with as_admin(owner):
        api_keys.revoke(key=key)
        with pytest.raises(api_keys.Dead):
            api_keys.update(key=key, fields={"name": "x"})


def test_last_use_is_noted_with_its_address(owner: Any) -> None:
    key, text = make(owner)
    used(text, "198.51.100.9")
    [(at, address)] = rows.fetch("SELECT last_used_at, host(last_used_address) FROM api_key WHERE id = %s", key.pk)
    assert rows.now() - at < timedelta(minutes=1)
    assert address == "198.51.100.9"
