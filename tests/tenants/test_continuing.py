"""Who asked a while ago may go on, or is told why not: keys and people."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from tenants import context, continuing, known_keys, standing
from tenants.requests import Actor
from tenants.services import logins
from tests.support import people, rows
from tests.support.people import quick_hashes  # noqa: F401 - a fixture


def of_key(key: str) -> Actor:
    with context.within(context.NOBODY), transaction.atomic():
        return known_keys.actor_of(key, None, timezone.now())


def refused(actor: Actor) -> str | None:
    found = continuing.refusals([actor], timezone.now()).get(actor)
    return found.code if found else None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("SELECT %s", None),
        ("UPDATE api_key SET revoked_at = now() WHERE key_id = %s", "UNAUTHENTICATED"),
        ("UPDATE api_key SET expires_at = now() - interval '1 second' WHERE key_id = %s", "KEY_EXPIRED"),
        ("UPDATE api_key SET scopes = '{jobs:read}' WHERE key_id = %s", "UNAUTHENTICATED"),
        ("UPDATE tenant SET state = 'suspended' FROM api_key k WHERE k.tenant_id = tenant.id AND k.key_id = %s", "TENANT_SUSPENDED"),
    ],
)  # fmt: skip
def test_a_key_goes_on_for_as_long_as_it_would_be_let_in(owner: Any, change: str, code: str | None) -> None:
    actor = of_key(owner.key)
    rows.change(change, owner.key.split("_")[1])
    assert refused(actor) == code


def test_many_are_judged_each_by_itself(owner: Any, outsider: Any) -> None:
    good, bad = of_key(owner.key), of_key(outsider.key)
    rows.change("UPDATE api_key SET revoked_at = now() WHERE key_id = %s", outsider.key.split("_")[1])
    assert set(continuing.refusals([good, bad], timezone.now())) == {bad}


def in_person(tokens: Any) -> Actor:
    with context.within(context.NOBODY), transaction.atomic():
        return standing.by_session(logins.by_access_token(tokens["access"]), None)


@pytest.mark.usefixtures("quick_hashes")
def test_a_person_goes_on_until_they_log_out(owner: Any) -> None:
    person = people.member(owner.tenant, "viewer")
    tokens = person.tokens()
    actor = in_person(tokens)
    assert refused(actor) is None
    person.post(people.REVOKE, {"refresh": tokens["refresh"]})
    assert refused(actor) == "UNAUTHENTICATED"


@pytest.mark.usefixtures("quick_hashes")
def test_a_person_whose_role_is_another_has_to_ask_again(owner: Any) -> None:
    person = people.member(owner.tenant, "editor")
    actor = in_person(person.tokens())
    rows.change("UPDATE membership SET role = 'viewer' WHERE user_id = %s", person.user.pk)
    assert refused(actor) == "UNAUTHENTICATED"
