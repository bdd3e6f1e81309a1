"""Tenants' data keys: made with a tenant's first secret, wrapped anew when the installation's key changes.

A data key stays the same for ever; only its wrapping changes. So whoever holds one while it is wrapped
anew goes on undisturbed, and a rotation rewrites one short row for each tenant instead of every secret.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from tenants import errors
from tenants.models import DataKey
from tenants.rules import sealing

BATCH = 500


class NoInstallationKey(errors.Unavailable):
    """This installation keeps no secrets: its operators set CARILLON_ENCRYPTION_KEYS for web, engine and workers."""


class Unreadable(errors.Unavailable):
    """A secret cannot be decrypted here."""


@dataclass(slots=True)
class Rewrapped:
    """What :func:`rewrap_all` did; ``stuck`` says of each key it could not open whose it is and why."""

    done: int
    stuck: list[str]


def ring() -> sealing.Ring:
    """The installation's keys."""
    keys: sealing.Ring | None = settings.ENCRYPTION_KEYS
    if keys is None:
        raise NoInstallationKey
    return keys


def for_writing(tenant_id: UUID) -> bytes:
    """The tenant's data key, made if there is none. Two who make it at once use the one that came first."""
    row = DataKey.objects.filter(tenant_id=tenant_id).first()
    if row is None:
        key_id, wrapped = ring().wrap(sealing.new_data_key(), str(tenant_id))
        DataKey.objects.bulk_create(
            [DataKey(tenant_id=tenant_id, key_id=key_id, wrapped=wrapped)], ignore_conflicts=True
        )
        row = DataKey.objects.get(tenant_id=tenant_id)
    return _opened(row)


def for_reading(tenant_id: UUID) -> bytes:
    """The tenant's data key; Unreadable without one."""
    row = DataKey.objects.filter(tenant_id=tenant_id).first()
    if row is None:
        raise Unreadable("the data key of this tenant is gone: restore the table data_key from a backup")
    return _opened(row)


def rewrap_all() -> Rewrapped:
    """Wrap every data key with the installation's first key, batch by batch, while others read and write."""
    keys, stuck = ring(), []
    done = 0
    for row in _behind(keys.first.id):
        try:
            key_id, wrapped = keys.wrap(_opened(row), str(row.tenant_id))
        except Unreadable as error:
            stuck.append(f"tenant {row.tenant_id}: {error}")
            continue
        # Only as it was read: another run may have been quicker.
        done += DataKey.objects.filter(pk=row.pk, key_id=row.key_id).update(key_id=key_id, wrapped=wrapped)
    return Rewrapped(done, stuck)


def _behind(key_id: str) -> Iterator[DataKey]:
    """Every data key that another installation key wraps, also one that is made meanwhile."""
    last = UUID(int=0)
    while batch := list(DataKey.objects.exclude(key_id=key_id).filter(pk__gt=last).order_by("pk")[:BATCH]):
        yield from batch
        last = batch[-1].pk


def _opened(row: DataKey) -> bytes:
    try:
        return ring().unwrap(row.key_id, bytes(row.wrapped), str(row.tenant_id))
    except sealing.CannotOpen as error:
        message = (
            f"the data key of this tenant cannot be opened: {error}. Put the key back into CARILLON_ENCRYPTION_KEYS"
        )
        raise Unreadable(message) from None
