"""Hooks: addresses at which somebody outside reports events. Tokens and secrets are shown once, and stored hashed or sealed.

A hook's secret is opened by the process that receives, unlike secrets of jobs, which workers alone can read: it is good
for nothing but to prove deliveries to this hook.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypedDict
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from jobs import errors
from jobs.models import Hook
from jobs.rules import hook_tokens, webhook_signatures
from jobs.rules.webhook_signatures import Scheme
from jobs.triggers import event
from tenants import actors
from tenants.errors import NotFound
from tenants.models import Tenant
from tenants.rules import sealing
from tenants.services import audit, data_keys

PERMISSION = "jobs:write"
MOST_HOOKS = 100
MOST_HEADERS = 10
#: How long a secret that was rotated may stay good.
LONGEST_OVERLAP = timedelta(days=30)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_HEADER = re.compile(r"[a-z0-9-]{1,64}")
#: Headers that prove who somebody is: no filter needs them, and events are kept.
_PRIVATE = {"authorization", "cookie", "proxy-authorization", "x-api-key"}
_PROOF = re.compile(r".*(-signature(-\w+)?|-token)|x-hub-signature.*")


class HookFields(TypedDict, total=False):
    """What may be changed of a hook. Its name and scheme stay."""

    event: str
    headers: Sequence[str]
    description: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A hook with what is shown this once. ``secret`` is empty where none is new."""

    hook: Hook
    token: str = ""
    secret: str = ""


def create(*, tenant: Tenant, name: str, scheme: str, secret: str | None = None, **fields: Any) -> Shown:
    """A new hook, with a token, and a secret unless its sender gave one or its scheme has none."""
    _require(tenant)
    if not _NAME.fullmatch(name):
        raise errors.invalid(
            {"name": ["must be a letter, then at most 63 letters, digits, _ or -, such as shop-orders"]}
        )
    known = _scheme(scheme)
    text = _secret(known, secret)
    token = hook_tokens.new_token()
    hook = Hook(tenant=tenant, name=name, scheme=known, created_by=actors.current().name)
    _assign(hook, fields)
    _assign_token(hook, token)
    hook.secret = _sealed(hook, text) if text else None
    with transaction.atomic():
        _check_room(tenant)
        _insert(hook)
        made = {"name": name, "event": hook.event, "scheme": str(known), "headers": hook.headers}
        _record("hook.created", hook, {field: [None, value] for field, value in made.items()})
    return Shown(hook, token, text)


def update(*, hook: Hook, fields: HookFields) -> Hook:
    """Change which event it raises, which headers events tell of, or what it is said to be for."""
    with transaction.atomic():
        hook = lock(hook)
        before = {name: getattr(hook, name) for name in fields}
        _assign(hook, fields)
        changed = {name: [old, getattr(hook, name)] for name, old in before.items() if getattr(hook, name) != old}
        if changed:
            hook.save(update_fields=list(changed))
            _record("hook.updated", hook, changed)
    return hook


def rotate_token(*, hook: Hook) -> Shown:
    """Another address. The old one is unknown from now on."""
    with transaction.atomic():
        hook = lock(hook)
        before, token = hook.hint, hook_tokens.new_token()
        _assign_token(hook, token)
        hook.save(update_fields=["digest", "hint"])
        _record("hook.token_rotated", hook, {"hint": [before, hook.hint]})
    return Shown(hook, token)


def rotate_secret(*, hook: Hook, overlap: timedelta, secret: str | None = None) -> Shown:
    """Another secret. The old one is good as well for ``overlap``."""
    _require(hook.tenant_id)
    if not timedelta() <= overlap <= LONGEST_OVERLAP:
        raise errors.invalid({"overlap_seconds": [f"must be from 0 to {LONGEST_OVERLAP.days} days"]})
    with transaction.atomic():
        hook = lock(hook)
        scheme = Scheme(hook.scheme)
        if scheme is Scheme.NONE:
            raise errors.Conflict("this hook's deliveries are not signed: make one with another scheme instead")
        text, until = _secret(scheme, secret), timezone.now() + overlap
        hook.former_secret, hook.former_until = (hook.secret, until) if overlap else (None, None)
        hook.secret = _sealed(hook, text)
        hook.save(update_fields=["secret", "former_secret", "former_until"])
        _record("hook.secret_rotated", hook, {"former_until": [None, until.isoformat()]})
    return Shown(hook, secret="" if secret else text)


def enable(*, hook: Hook) -> Hook:
    """Let deliveries in again."""
    return _become(hook, enabled=True)


def disable(*, hook: Hook) -> Hook:
    """Refuse deliveries until it is enabled."""
    return _become(hook, enabled=False)


def delete(*, hook: Hook) -> None:
    """Its address is unknown from now on, and its name is free."""
    with transaction.atomic():
        hook = lock(hook)
        pk = hook.pk
        hook.delete()
        hook.pk = pk  # Django forgets it, and the trail does not
        _record("hook.deleted", hook, {"name": [hook.name, None]})


def lock(hook: Hook) -> Hook:
    """The hook as it is stored now, and nobody else changes it before this transaction ends."""
    _require(hook.tenant_id)
    rows = Hook.objects.select_for_update(of=("self",), no_key=True).select_related("tenant").defer(None)
    found = rows.filter(pk=hook.pk).first()
    if found is None:
        raise NotFound("this hook was deleted meanwhile")
    return found


def _require(tenant: Tenant | UUID) -> None:
    # A hook is nobody's own: whatever waits for its event depends on it, so an editor of own jobs changes none.
    actors.require(PERMISSION, tenant=tenant, owner="")


def good_secrets(hook: Hook, now: datetime) -> list[str]:
    """Every secret that proves a delivery just now."""
    kept = [hook.secret]
    if hook.former_until is not None and now < hook.former_until:
        kept.append(hook.former_secret)
    found = [bytes(sealed) for sealed in kept if sealed is not None]
    if not found:
        return []
    key = data_keys.for_reading(hook.tenant_id)
    try:
        return [sealing.unseal(key, sealed, _bound(hook)).decode() for sealed in found]
    except sealing.CannotOpen as error:
        raise data_keys.Unreadable(f"the secret of the hook {hook.name} cannot be decrypted: {error}") from None


def _become(hook: Hook, *, enabled: bool) -> Hook:
    with transaction.atomic():
        hook = lock(hook)
        if hook.enabled == enabled:
            raise errors.Conflict(f"this hook is {'enabled' if enabled else 'disabled'} already")
        hook.enabled = enabled
        hook.save(update_fields=["enabled"])
        _record("hook.enabled" if enabled else "hook.disabled", hook, {"enabled": [not enabled, enabled]})
    return hook


def _assign(hook: Hook, fields: Mapping[str, Any]) -> None:
    if "event" in fields:
        try:
            event.check_name(fields["event"])
        except ValueError as error:
            raise errors.invalid({"event": [str(error)]}) from None
        hook.event = fields["event"]
    if "headers" in fields:
        hook.headers = _headers(fields["headers"])
    if "description" in fields:
        hook.description = fields["description"]


def _headers(names: Sequence[str]) -> list[str]:
    wanted = list(dict.fromkeys(name.strip().lower() for name in names))
    if len(wanted) > MOST_HEADERS:
        raise errors.invalid({"headers": [f"at most {MOST_HEADERS}"]})
    for name in wanted:
        if not _HEADER.fullmatch(name):
            raise errors.invalid({"headers": [f"{name[:64]!r} is no header's name, such as X-GitHub-Event"]})
        if name in _PRIVATE or _PROOF.fullmatch(name):
            raise errors.invalid({"headers": [f"{name} proves who somebody is, and events are kept: leave it out"]})
    return wanted


def _scheme(text: str) -> Scheme:
    try:
        return Scheme(text)
    except ValueError:
        raise errors.invalid({"scheme": [f"must be one of {', '.join(Scheme)}"]}) from None


def _secret(scheme: Scheme, given: str | None) -> str:
    """The one given, if it will do, or a new one; none for what is not signed."""
    if given is None:
        return "" if scheme is Scheme.NONE else webhook_signatures.new_secret(scheme)
    try:
        webhook_signatures.check_secret(scheme, given)
    except ValueError as error:
        raise errors.invalid({"secret": [str(error)]}) from None
    return given


def _assign_token(hook: Hook, token: str) -> None:
    hook.hint, hook.digest = hook_tokens.hint(token), hook_tokens.digest(token, settings.SECRET_KEY) or b""


def _sealed(hook: Hook, text: str) -> bytes:
    return sealing.seal(data_keys.for_writing(hook.tenant_id), text.encode(), _bound(hook))


def _bound(hook: Hook) -> tuple[str, ...]:
    return "hook", str(hook.tenant_id), str(hook.pk)


def _check_room(tenant: Tenant) -> None:
    if Hook.objects.filter(tenant=tenant).count() >= MOST_HOOKS:
        raise errors.Conflict(f"this tenant has {MOST_HOOKS} hooks, which is the most: delete one first")


def _insert(hook: Hook) -> None:
    try:
        with transaction.atomic():
            hook.save(force_insert=True)
    except IntegrityError:
        raise errors.Conflict.about("name", "there is a hook of this name already: choose another") from None


def _record(action: str, hook: Hook, changes: Mapping[str, Any]) -> None:
    audit.record(action=action, object_type="hook", object_id=hook.pk, tenant=hook.tenant, changes=changes)
