"""Logging in over the API, staying so, and ending it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import auth
from django.contrib.auth.signals import user_logged_in
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from tenants import actors, context, errors, guessing, requests, standing, tokens
from tenants.models import LoginSession, Tenant, User
from tenants.requests import Actor
from tenants.rules import permissions, sessions
from tenants.rules.sessions import Shown
from tenants.services import audit


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A log-in with its newest tokens. Nothing keeps their texts."""

    session: LoginSession
    access: str
    refresh: str


class WrongPassword(errors.Unauthenticated):
    """This e-mail address and password do not belong together: check both."""


class JustUsed(errors.ServiceError):
    """This refresh token was used a moment ago: go on with the tokens that were answered then."""


def log_in(*, request: HttpRequest, email: str, password: str, slug: str | None, user_agent: str) -> LoggedIn:
    """Judge a password, at most one per account at a time, and begin a session in the tenant named.

    Raises:
        WrongPassword: whichever of the two is wrong, or the person may not log in at all.
        RateLimited: too many tries.
    """
    with guessing.one_try(email):
        person = auth.authenticate(request, username=email, password=password)
        if not isinstance(person, User):
            if guessing.was_judged(request):
                failed(email, is_locked_out=guessing.is_locked_out(request))
        else:
            # Tells django-axes, and notes the last log-in. No session of the console's is begun.
            user_logged_in.send(sender=User, request=request, user=person)
    if guessing.is_locked_out(request):
        raise guessing.LockedOut
    if not isinstance(person, User):
        raise WrongPassword
    with context.within(context.NOBODY), transaction.atomic():
        actor = standing.on_arrival(person, slug)
        requests.known_as(actor)
        return _begin(person, actor.tenant, user_agent[:200])


def failed(email: str, *, is_locked_out: bool = False, by: str = "password") -> None:
    """Tell the audit trail; as often as passwords are judged, which is seldom (see :mod:`tenants.guessing`).

    An unknown address costs as much as a known one, and is not written down: it may be a password that somebody
    typed into the wrong field.
    """
    person = User.objects.filter(email=email.strip().lower()).first()
    action = "person.locked_out" if is_locked_out else "person.login_failed"
    _record(action, person.pk if person else "unknown", None, {"by": [None, by]})


def succeeded(person: User, *, by: str = "password") -> None:
    """Tell the audit trail of a log-in at the console."""
    requests.known_as(Actor(f"user:{person.email}", frozenset()))
    _record("person.logged_in", person.pk, None, {"by": [None, by], "at": [None, "console"]})


def refresh(*, text: str) -> LoggedIn:
    """New tokens for a refresh token, which is good once. One shown again later ends its whole log-in.

    Raises:
        BadToken: it is no good; or was used before, and from now on no token of that log-in is.
        JustUsed: it was used within the last seconds, as by a client that sent twice.
    """
    claims = tokens.read(text, tokens.Refresh)
    with context.within(context.NOBODY), transaction.atomic():
        session = _live(claims["sid"], lock=True)
        shown = sessions.digest(claims["jti"])
        now = timezone.now()
        verdict = sessions.judge(
            shown,
            current=bytes(session.current),
            former=_bytes(session.former),
            refreshed_at=session.refreshed_at,
            now=now,
        )
        if verdict is Shown.GOOD:
            requests.known_as(standing.by_session(session, None))
            return _renewed(session, now)
        if verdict is Shown.REPLAYED:
            _end(LoginSession.objects.filter(pk=session.pk), "replayed", now)
            _record("session.replayed", session.pk, session.home_id)
    raise JustUsed if verdict is Shown.JUST_REPLACED else tokens.BadToken


def forget(*, text: str) -> None:
    """End the log-in that a refresh token belongs to. One that is no good ends nothing, and nothing is told of it."""
    try:
        claims = tokens.read(text, tokens.Refresh)
    except tokens.BadToken:
        return
    with transaction.atomic():
        found = LoginSession.objects.select_related("person").filter(pk=claims["sid"], ended_at=None).first()
        if found is not None:
            requests.known_as(Actor(f"user:{found.person.email}", frozenset()))
            _end(LoginSession.objects.filter(pk=found.pk), "logged_out", timezone.now())
            _record("session.ended", found.pk, found.home_id)


def by_access_token(text: str) -> LoginSession:
    """The log-in that an access token belongs to, with its person."""
    return _live(tokens.read(text, tokens.Access)["sid"])


def by_id(session_id: str) -> LoginSession:
    """A log-in that is still good, with its person; raises BadToken of any other."""
    return _live(session_id)


def visible(actor: Actor, person: User | None) -> QuerySet[LoginSession]:
    """Whose log-ins somebody sees: their own; an administrator those of the tenant, the platform's all."""
    rows = LoginSession.objects.select_related("person")
    if actor.may(permissions.PLATFORM) and actor.of_platform and actor.tenant is None:
        return rows
    own = Q(person=person) if person is not None else Q(pk=None)
    theirs = Q(home=actor.tenant) if actor.may(permissions.ADMIN) and actor.tenant else Q(pk=None)
    return rows.filter(own | theirs)


def end(*, session: LoginSession) -> None:
    """End a log-in: one's own, or as an administrator of its tenant or of the platform. Its tokens are refused at once."""
    actor = actors.current()
    if actor.session is None or session.person.email != actor.name.removeprefix("user:"):
        needed = permissions.ADMIN if session.home_id else permissions.PLATFORM
        actors.require(needed, tenant=session.home_id)
    with transaction.atomic():
        if _end(LoginSession.objects.filter(pk=session.pk), "revoked", timezone.now()):
            _record("session.revoked", session.pk, session.home_id)


def end_all(*, person: User) -> None:
    """End all that somebody has open, at the console and over the API."""
    actors.require(permissions.PLATFORM)
    with transaction.atomic():
        User.objects.filter(pk=person.pk).update(log_outs=F("log_outs") + 1)
        end_others(person=person, keep=None, because="revoked")
        _record("person.logged_out", person.pk, None)


def end_others(*, person: User, keep: UUID | None, because: str) -> None:
    """End what somebody has open over the API, but for one log-in. Whoever calls has asked."""
    rows = LoginSession.objects.filter(person=person)
    _end(rows.exclude(pk=keep) if keep else rows, because, timezone.now())


def _live(session_id: str, *, lock: bool = False) -> LoginSession:
    rows = LoginSession.objects.select_related("person")
    if lock:
        rows = rows.select_for_update(of=("self",))
    session = rows.filter(pk=session_id).first()
    if session is None or not session.is_live(timezone.now()) or not session.person.is_active:
        raise tokens.BadToken
    if session.auth_hash != session.person.get_session_auth_hash():
        raise tokens.BadToken  # the password was changed since, or all sessions were ended
    return session


def _begin(person: User, home: Tenant | None, user_agent: str) -> LoggedIn:
    now = timezone.now()
    session = LoginSession(
        person=person,
        home=home,
        auth_hash=person.get_session_auth_hash(),
        address=requests.current().address,
        user_agent=user_agent,
        created_at=now,
        refreshed_at=now,
        expires_at=sessions.expiry(now, now),
    )
    made = _with_tokens(session)
    session.save(force_insert=True)
    _record("person.logged_in", person.pk, session.home_id)
    return made


def _renewed(session: LoginSession, now: datetime) -> LoggedIn:
    session.former = session.current
    session.refreshed_at = now
    session.expires_at = sessions.expiry(session.created_at, now)
    made = _with_tokens(session)
    session.save(update_fields=["current", "former", "refreshed_at", "expires_at"])
    return made


def _with_tokens(session: LoginSession) -> LoggedIn:
    refresh = tokens.refresh(session)
    session.current = sessions.digest(refresh["jti"])
    return LoggedIn(session, tokens.access(session), str(refresh))


def _end(rows: QuerySet[LoginSession], because: str, now: datetime) -> int:
    return rows.filter(ended_at=None).update(ended_at=now, ended_because=because)


def _record(
    action: str, object_id: UUID | str, tenant_id: UUID | None, changes: Mapping[str, Any] | None = None
) -> None:
    kind = action.partition(".")[0]
    with context.within(context.PLATFORM):
        tenant = Tenant.objects.filter(pk=tenant_id).first() if tenant_id else None
        audit.record(action=action, object_type=kind, object_id=object_id, tenant=tenant, changes=changes)


def _bytes(stored: bytes | memoryview | None) -> bytes | None:
    return None if stored is None else bytes(stored)
