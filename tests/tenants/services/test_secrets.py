"""Secrets: what is stored is sealed, what is revealed is right, and what was moved opens nowhere."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import ProgrammingError, transaction
from django.test import override_settings

from tenants import context, errors
from tenants.models import Secret, Tenant
from tenants.quotas import QuotaExceeded
from tenants.rules import sealing
from tenants.services import data_keys, secrets
from tests.support import logins, rows

CANARY = "canary-3f9c1b7e-value"
POSTGRES = {"host": "db.example.com", "port": 5432, "password": CANARY}


def make(tenant: Any, name: str = "stripe_key", value: Any = CANARY, **fields: Any) -> Secret:
    with context.within(context.Scope(tenant_id=tenant)), transaction.atomic():
        return secrets.create(tenant=Tenant.objects.get(pk=tenant), name=name, value=value, **fields)


def within(tenant: Any, service: Any, **named: Any) -> Any:
    with context.within(context.Scope(tenant_id=tenant)), transaction.atomic():
        return service(**named)


def reveal(tenant: Any, *names: str) -> Any:
    with logins.engine():
        return secrets.reveal(tenant, names)


def trail(secret: Secret) -> list[Any]:
    return rows.fetch("SELECT action, changes FROM audit_event WHERE object_id = %s ORDER BY id", str(secret.pk))


def test_a_worker_reads_what_was_written_and_names_that_are_not_there_are_listed():
    tenant = rows.tenant()
    make(tenant)
    make(tenant, "warehouse", POSTGRES, kind="postgresql")
    assert reveal(tenant, "stripe_key", "warehouse") == {
        "stripe_key": CANARY,
        "warehouse": {**POSTGRES, "kind": "postgresql"},
    }
    with pytest.raises(secrets.UnknownSecrets) as refused:
        reveal(tenant, "stripe_key", "b", "a")
    assert refused.value.names == ["a", "b"]
    assert reveal(tenant) == {}


def test_a_worker_does_not_find_another_tenants_secret():
    make(rows.tenant())
    with pytest.raises(secrets.UnknownSecrets):
        reveal(rows.tenant(), "stripe_key")


def test_a_new_value_is_a_version_in_force_and_an_older_one_can_be_again():
    tenant = rows.tenant()
    secret = make(tenant)
    within(tenant, secrets.change, secret=secret, value="the second value")
    assert reveal(tenant, "stripe_key") == {"stripe_key": "the second value"}
    within(tenant, secrets.rollback, secret=secret, version=1)
    assert reveal(tenant, "stripe_key") == {"stripe_key": CANARY}
    within(tenant, secrets.change, secret=secret, value="the third value")
    assert reveal(tenant, "stripe_key") == {"stripe_key": "the third value"}
    assert trail(secret) == [
        ("secret.created", {"name": [None, "stripe_key"], "kind": [None, "text"], "version": [None, 1]}),
        ("secret.updated", {"version": [1, 2]}),
        ("secret.rolled_back", {"version": [2, 1]}),
        ("secret.updated", {"version": [1, 3]}),
    ]


def test_the_web_process_writes_values_and_cannot_read_them():
    tenant = rows.tenant()
    make(tenant)
    with pytest.raises(ProgrammingError, match="permission denied"):
        within(tenant, secrets.reveal, tenant_id=tenant, names=["stripe_key"])


def test_the_database_holds_no_value_in_clear():
    tenant = rows.tenant()
    make(tenant)
    (sealed,) = rows.fetch("SELECT sealed FROM secret_version WHERE tenant_id = %s", tenant)[0]
    assert CANARY.encode() not in sealed
    (wrapped,) = rows.fetch("SELECT wrapped FROM data_key WHERE tenant_id = %s", tenant)[0]
    assert len(wrapped) == 12 + 32 + 16


MOVES = {
    "another secret's": "UPDATE secret_version v SET sealed = o.sealed FROM secret_version o, secret s"
    " WHERE v.tenant_id = %(mine)s AND o.secret_id = s.id AND s.tenant_id = %(mine)s AND s.name = 'other'",
    "another version's": "UPDATE secret_version v SET sealed = o.sealed FROM secret_version o"
    " WHERE v.secret_id = %(secret)s AND o.secret_id = v.secret_id AND v.number = 2 AND o.number = 1",
    "another tenant's": "UPDATE secret_version v SET sealed = o.sealed FROM secret_version o"
    " WHERE v.secret_id = %(secret)s AND o.tenant_id = %(theirs)s",
    "another name": "UPDATE secret SET name = CASE name WHEN 'other' THEN 'x' ELSE 'stripe_key' END WHERE id = %(other)s;"
    " UPDATE secret SET name = 'y' WHERE id = %(secret)s; UPDATE secret SET name = 'stripe_key' WHERE id = %(other)s",
    "another number": "UPDATE secret_version SET number = 9 WHERE secret_id = %(secret)s AND number = 2;"
    " UPDATE secret SET version = 9, newest = 9 WHERE id = %(secret)s",
    "another kind": "UPDATE secret SET kind = 'postgresql' WHERE id = %(secret)s",
    "another tenant's data key": "UPDATE data_key d SET wrapped = o.wrapped FROM data_key o"
    " WHERE d.tenant_id = %(mine)s AND o.tenant_id = %(theirs)s",
    "a flipped bit": "UPDATE secret_version SET sealed = set_bit(sealed, 200, 1 - get_bit(sealed, 200))"
    " WHERE secret_id = %(secret)s",
    "nothing left": "UPDATE secret_version SET sealed = '' WHERE secret_id = %(secret)s",
}


@pytest.mark.parametrize("move", MOVES)
def test_what_was_moved_or_changed_in_the_database_does_not_open(move):
    mine, theirs = rows.tenant(), rows.tenant()
    secret, other = make(mine), make(mine, "other", "another value")
    within(mine, secrets.change, secret=secret, value="the second value")
    make(theirs, "stripe_key", "the value of others")
    for statement in MOVES[move].split(";"):
        rows.change(statement, mine=mine, theirs=theirs, secret=secret.pk, other=other.pk)
    with pytest.raises(data_keys.Unreadable) as refused:
        reveal(mine, "stripe_key")
    assert "value" not in str(refused.value)


def test_a_deleted_secret_leaves_nothing_that_was_sealed():
    tenant = rows.tenant()
    secret = make(tenant)
    within(tenant, secrets.delete, secret=secret)
    assert rows.fetch("SELECT 1 FROM secret_version WHERE secret_id = %s", secret.pk) == []
    assert trail(secret)[-1] == ("secret.deleted", {"name": ["stripe_key", None]})
    make(tenant)  # the name is free


def test_a_version_in_force_is_not_discarded_and_others_are():
    tenant = rows.tenant()
    secret = make(tenant)
    with pytest.raises(errors.ServiceError, match="in force"):
        within(tenant, secrets.discard, secret=secret, version=1)
    within(tenant, secrets.change, secret=secret, value="the second value")
    within(tenant, secrets.discard, secret=secret, version=1)
    with pytest.raises(errors.Invalid, match="there are 2"):
        within(tenant, secrets.rollback, secret=secret, version=1)


def test_only_the_newest_versions_and_the_one_in_force_are_kept(monkeypatch):
    monkeypatch.setattr(secrets, "MOST_VERSIONS", 3)
    tenant = rows.tenant()
    secret = make(tenant)
    for number in range(2, 6):
        within(tenant, secrets.change, secret=secret, value=f"value number {number}")
    kept = rows.fetch("SELECT number FROM secret_version WHERE secret_id = %s ORDER BY 1", secret.pk)
    assert kept == [(3,), (4,), (5,)]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", {"name": "with-hyphen"}), ("name", {"name": "1st"}), ("name", {"name": "_hidden"}), ("name", {"name": "a" * 65}),
        ("name", {"name": "straße"}), ("value", {"value": "shorter"}), ("value", {"value": {"a": CANARY}}), ("value", {"value": "ä" * 16385}),
        ("value", {"kind": "postgresql"}),
    ],
)  # fmt: skip
def test_what_cannot_be_a_secret_is_refused_by_field_and_stores_nothing(field, wrong):
    tenant = rows.tenant()
    with pytest.raises(errors.Invalid) as refused:
        make(tenant, **{"value": CANARY, **wrong})
    assert list(refused.value.details) == [field]
    assert CANARY not in str(refused.value) + str(refused.value.details)
    assert rows.fetch("SELECT 1 FROM secret WHERE tenant_id = %s", tenant) == []


def test_names_are_taken_once_and_there_is_a_most(monkeypatch):
    tenant = rows.tenant()
    make(tenant)
    with pytest.raises(errors.ServiceError, match="exists already"):
        make(tenant)
    monkeypatch.setattr(secrets, "MOST_SECRETS", 1)
    with pytest.raises(QuotaExceeded) as refused:
        make(tenant, "another")
    assert refused.value.details == {"quota": "secrets", "limit": 1, "used": 1}
    make(rows.tenant())


def test_last_use_is_noted_at_most_once_a_minute():
    tenant = rows.tenant()
    secret = make(tenant)

    def used() -> Any:
        return rows.fetch("SELECT last_used_at FROM secret WHERE id = %s", secret.pk)[0][0]

    reveal(tenant, "stripe_key")
    first = used()
    reveal(tenant, "stripe_key")
    assert first is not None
    assert used() == first
    rows.change("UPDATE secret SET last_used_at = last_used_at - interval '61 s' WHERE id = %s", secret.pk)
    reveal(tenant, "stripe_key")
    assert used() >= first


def test_without_installation_keys_nothing_is_written_and_it_says_what_to_set():
    with (
        override_settings(ENCRYPTION_KEYS=None),
        pytest.raises(data_keys.NoInstallationKey, match="CARILLON_ENCRYPTION"),
    ):
        make(rows.tenant())


def test_with_another_installation_key_nothing_opens_and_it_says_which_is_missing():
    tenant = rows.tenant()
    make(tenant)
    key_id = data_keys.ring().first.id
    with override_settings(ENCRYPTION_KEYS=sealing.ring("ab" * 32)), pytest.raises(data_keys.Unreadable, match=key_id):
        reveal(tenant, "stripe_key")


def test_a_secret_of_a_tenant_that_has_no_data_key_says_so():
    tenant = rows.tenant()
    make(tenant)
    rows.change("DELETE FROM data_key WHERE tenant_id = %s", tenant)
    with pytest.raises(data_keys.Unreadable, match="restore"):
        reveal(tenant, "stripe_key")


def test_another_tenants_secret_cannot_be_changed_through_its_row():
    secret = make(rows.tenant())
    other = rows.tenant()
    for service, named in (
        (secrets.change, {"value": CANARY}),
        (secrets.delete, {}),
        (secrets.rollback, {"version": 1}),
    ):
        with pytest.raises(errors.NotFound):
            within(other, service, secret=secret, **named)
    assert rows.fetch("SELECT version, newest FROM secret WHERE id = %s", secret.pk) == [(1, 1)]
