"""Tenants' secrets: made, changed and rolled back by people, revealed to workers.

For whoever runs a tenant's work, with the engine's log-in::

    secrets.reveal(tenant_id, ["stripe_key", "warehouse"])
    → {"stripe_key": "sk_live_…", "warehouse": {"kind": "postgresql", "host": "…", "password": "…", …}}

A secret of kind ``text`` is a str. A connection is a dict of its fields, those left out with their
defaults, and its ``kind`` among them; :func:`jobs.connections.load` makes it an object, and
:func:`jobs.connections.sensitive` names the texts in it that must be masked. Names are like
identifiers (:data:`NAME`); those that there are not raise :class:`UnknownSecrets`, which lists them.
Nothing else here, or anywhere, gives a value back: the app's log-in cannot read the column. It gets those that a job
names while an executor of its tenant holds an execution of it, by :func:`reveal_claimed`.

What a connection of some kind must hold is checked by :mod:`jobs.services.secrets`, before it comes here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone

from tenants import actors, context, errors
from tenants.models import Secret, SecretVersion, Tenant
from tenants.quotas import QuotaExceeded
from tenants.rules import sealing
from tenants.rules.maskable import SHORTEST
from tenants.services import audit, data_keys

#: Who may see that there is a secret may also change it; nobody sees its value.
PERMISSION = "secrets:write"
TEXT = "text"
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
MOST_BYTES = 32 * 1024
MOST_SECRETS = 500
#: The oldest that is not in force makes room for the next.
MOST_VERSIONS = 10
_TOUCH_EVERY = timedelta(minutes=1)

#: A text, or the fields of a connection.
Value = str | Mapping[str, Any]


class UnknownSecrets(errors.NotFound):
    """There are no secrets of these names."""

    def __init__(self, names: Collection[str]) -> None:
        self.names = sorted(names)
        message = f"there is no secret named {', '.join(self.names)}: make it at /secrets, or correct the name"
        super().__init__(message, details={"secrets": self.names})


def create(*, tenant: Tenant, name: str, value: Value, kind: str = TEXT, description: str = "") -> Secret:
    """A new secret, version 1. Its name and kind stay."""
    actors.require(PERMISSION, tenant=tenant)
    if not NAME.fullmatch(name):
        raise errors.Invalid.about(
            "name", "must be a letter, then at most 63 letters, digits or underscores, such as stripe_key"
        )
    plain = _encoded(kind, value)
    by = actors.current().name
    with transaction.atomic():
        _check_room(tenant)
        secret = Secret(tenant=tenant, name=name, kind=kind, description=description, created_by=by)
        _insert(secret)
        _seal(secret, plain)
        _record("secret.created", secret, {"name": [None, name], "kind": [None, kind], "version": [None, 1]})
    return secret


def change(*, secret: Secret, description: str | None = None, value: Value | None = None) -> Secret:
    """Describe it anew; a value becomes its newest version and is in force at once."""
    actors.require(PERMISSION, tenant=secret.tenant_id)
    plain = None if value is None else _encoded(secret.kind, value)
    with transaction.atomic():
        secret = lock(secret)
        changes: dict[str, Any] = {}
        if description is not None and description != secret.description:
            changes["description"] = [secret.description, description]
            secret.description = description
        if plain is not None:
            changes["version"] = [secret.version, secret.newest + 1]
            secret.version = secret.newest = secret.newest + 1
            _seal(secret, plain)
            _drop_oldest(secret)
        if changes:
            secret.save(update_fields=["description", "version", "newest"])
            _record("secret.updated", secret, changes)
    return secret


def rollback(*, secret: Secret, version: int) -> Secret:
    """Put another of its versions in force."""
    with transaction.atomic():
        secret = lock(secret)
        _version(secret, version)
        if version != secret.version:
            changes = {"version": [secret.version, version]}
            secret.version = version
            secret.save(update_fields=["version"])
            _record("secret.rolled_back", secret, changes)
    return secret


def discard(*, secret: Secret, version: int) -> None:
    """Destroy the value of a version that is not in force."""
    with transaction.atomic():
        secret = lock(secret)
        row = _version(secret, version)
        if version == secret.version:
            raise errors.ServiceError("this version is in force: put another in force first, or delete the secret")
        row.delete()
        _record("secret.discarded", secret, {"version": [version, None]})


def delete(*, secret: Secret) -> None:
    """Destroy it with all its versions; its name is free again."""
    with transaction.atomic():
        secret = lock(secret)
        pk = secret.pk
        SecretVersion.objects.filter(secret=secret).delete()
        secret.delete()
        secret.pk = pk  # Django forgets it, and the trail does not
        _record("secret.deleted", secret, {"name": [secret.name, None]})


def lock(secret: Secret) -> Secret:
    """The secret as it is stored now, and nobody else changes it before this transaction ends."""
    actors.require(PERMISSION, tenant=secret.tenant_id)
    found = Secret.objects.select_for_update(of=("self",), no_key=True).select_related("tenant").filter(pk=secret.pk)
    row = found.first()
    if row is None:
        raise errors.NotFound("this secret was deleted meanwhile")
    return row


def reveal(tenant_id: UUID, names: Collection[str]) -> dict[str, str | dict[str, Any]]:
    """Values in force by name, for workers: see above. Notes that they are used, at most once a minute."""
    wanted = set(names)
    if not wanted:
        return {}
    rows = SecretVersion.objects.filter(tenant_id=tenant_id, secret__name__in=wanted, number=F("secret__version"))
    found = {row.secret.name: row for row in rows.defer(None).select_related("secret")}
    if missing := wanted - found.keys():
        raise UnknownSecrets(missing)
    data_key = data_keys.for_reading(tenant_id)
    values = {name: _opened(row, data_key) for name, row in found.items()}
    _touch([row.secret for row in found.values()])
    return values


@dataclass(frozen=True, slots=True)
class Claimed:
    """Of what the job of a claim names: values in force by name, and every value that is kept, which nobody may read."""

    values: Mapping[str, str | dict[str, Any]]
    kept: Collection[tuple[str, str | dict[str, Any]]]


def reveal_claimed(execution_id: UUID, epoch: int) -> Claimed:
    """For the process that an executor speaks to, with the app's log-in: nothing, unless an executor of the tenant in
    scope holds that execution just now.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM carillon_claimed_secrets(%s, %s)", [execution_id, epoch])
        rows = cursor.fetchall()
    if not rows:
        return Claimed({}, ())
    tenant_id = _in_scope()
    data_key, values, kept = data_keys.for_reading(tenant_id), {}, []
    for secret_id, name, kind, number, in_force, sealed in rows:
        secret = Secret(pk=secret_id, tenant_id=tenant_id, name=name, kind=kind)
        value = _opened(SecretVersion(secret=secret, number=number, sealed=sealed), data_key)
        kept.append((name, value))
        if in_force:
            values[name] = value
    return Claimed(values, kept)


def note_use(tenant_id: UUID, names: Collection[str]) -> None:
    """That these were told to somebody who runs the tenant's work."""
    _touch(list(Secret.objects.filter(tenant=tenant_id, name__in=names)))


def _in_scope() -> UUID:
    tenant_id = context.current().tenant_id
    if tenant_id is None:
        raise RuntimeError("whose secrets they are is the tenant's in scope, and there is none")
    return tenant_id


def _opened(row: SecretVersion, data_key: bytes) -> str | dict[str, Any]:
    try:
        plain = sealing.unseal(data_key, bytes(row.sealed), _bound(row.secret, row.number)).decode()
    except sealing.CannotOpen as error:
        raise data_keys.Unreadable(f"the secret {row.secret.name} cannot be decrypted: {error}") from None
    if row.secret.kind == TEXT:
        return plain
    fields: dict[str, Any] = json.loads(plain)
    return {**fields, "kind": row.secret.kind}


def _touch(secrets: Collection[Secret]) -> None:
    now = timezone.now()
    stale = [s.pk for s in secrets if s.last_used_at is None or now - s.last_used_at > _TOUCH_EVERY]
    if stale:
        with transaction.atomic():
            # Whoever holds a row notes the same, or is changing it: nobody waits for it.
            free = Secret.objects.select_for_update(skip_locked=True, no_key=True).filter(pk__in=stale)
            Secret.objects.filter(pk__in=list(free.values_list("pk", flat=True))).update(last_used_at=now)


def _bound(secret: Secret, number: int) -> tuple[str, ...]:
    return str(secret.tenant_id), str(secret.pk), secret.name, secret.kind, str(number)


def _seal(secret: Secret, plain: bytes) -> None:
    """Store what is in force from now on."""
    sealed = sealing.seal(data_keys.for_writing(secret.tenant_id), plain, _bound(secret, secret.version))
    by = actors.current().name
    SecretVersion.objects.create(
        tenant_id=secret.tenant_id, secret=secret, number=secret.version, sealed=sealed, created_by=by
    )


def _encoded(kind: str, value: Value) -> bytes:
    if kind == TEXT and not isinstance(value, str):
        raise errors.Invalid.about(
            "value", "must be text: an object is the value of a connection, which has another kind"
        )
    if kind != TEXT and not isinstance(value, Mapping):
        raise errors.Invalid.about("value", f"must be an object with the fields of {kind}: see /connection-types")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) < SHORTEST:
        raise errors.Invalid.about(
            "value", f"must have at least {SHORTEST} characters: a shorter one cannot be masked in logs"
        )
    plain = text.encode()
    if len(plain) > MOST_BYTES:
        raise errors.Invalid.about("value", f"must have at most {MOST_BYTES // 1024} KiB: keep files elsewhere")
    return plain


def _check_room(tenant: Tenant) -> None:
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)  # two may want the last place
    used = Secret.objects.filter(tenant=tenant).count()
    if used >= MOST_SECRETS:
        message = f"a tenant has at most {MOST_SECRETS} secrets: delete what nothing uses"
        raise QuotaExceeded("secrets", message, limit=MOST_SECRETS, used=used)


def _insert(secret: Secret) -> None:
    try:
        with transaction.atomic():
            secret.save(force_insert=True)
    except IntegrityError as error:
        if "secret_name_once" not in str(error):
            raise
        message = f"a secret named {secret.name!r} exists already: change that one, or choose another name"
        raise errors.ServiceError.about("name", message) from None


def _version(secret: Secret, number: int) -> SecretVersion:
    row = SecretVersion.objects.filter(secret=secret, number=number).first()
    if row is None:
        known = SecretVersion.objects.filter(secret=secret).order_by("number").values_list("number", flat=True)
        raise errors.Invalid.about(
            "version", f"is no longer kept, or never was; there are {', '.join(map(str, known))}"
        )
    return row


def _drop_oldest(secret: Secret) -> None:
    others = SecretVersion.objects.filter(secret=secret).exclude(number=secret.version).order_by("-number")
    old = list(others.values_list("pk", flat=True)[MOST_VERSIONS - 1 :])
    SecretVersion.objects.filter(pk__in=old).delete()


def _record(action: str, secret: Secret, changes: dict[str, Any]) -> None:
    audit.record(action=action, object_type="secret", object_id=secret.pk, tenant=secret.tenant, changes=changes)
