"""Accepting an invitation. Who holds its token may: the token is the permission, and it works once.

One answer for a password that is not this person's and for one that nobody could choose: whether the address is
known does not show. A link is no way to try out somebody's password: each try passes the guard of log-ins
(:mod:`tenants.guessing`) and counts there, and wrong ones end the invitation as well.
"""

from __future__ import annotations

from axes.utils import reset
from django.conf import settings
from django.contrib.auth import authenticate, password_validation
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.http import HttpRequest
from django.utils import timezone

from tenants import actors, context, errors, guessing, requests
from tenants.models import Invitation, Membership, TenantState, User
from tenants.rules import invitations
from tenants.services import audit, logins

WRONG = "this is not the password of this address here: if you have logged in before, type that one"


class VoidInvitation(errors.ServiceError):
    """This link is void: it was used, revoked, replaced by a newer one, or is too old. Ask for another."""

    code = "INVITATION_VOID"
    status = 404


def find(token: str) -> Invitation:
    """The open invitation of a token, and its tenant in scope; the caller has a transaction open."""
    digest = invitations.digest(token, settings.SECRET_KEY)
    with connection.cursor() as cursor:
        # The tenant is not known yet, so a definer's function looks.
        cursor.execute("SELECT tenant_id, id FROM carillon_find_invitation(%s)", [digest or b""])
        row = cursor.fetchone()
    if row is None:
        raise VoidInvitation
    context.enter(context.Scope(tenant_id=row[0]))
    found = Invitation.objects.select_related("tenant").select_for_update(of=("self",)).get(pk=row[1])
    # Read under the lock: it may have been used, or sent anew, while this waited.
    if found.state_at(timezone.now()) != "sent" or bytes(found.digest) != digest:
        raise VoidInvitation
    if found.tenant.state != TenantState.ACTIVE:
        raise errors.TenantSuspended(found.tenant.suspension_reason)
    return found


def accept(*, token: str, password: str, name: str = "") -> Membership:
    """Make whoever was invited a member: known by their password, or a new person who has it from now on.

    Raises:
        RateLimited: too many tries, here or at the log-in.
    """
    with transaction.atomic():
        email = find(token).email
    with guessing.one_try(email):
        # Looked for again, since the way here was outside the lock. What is refused is stored, and only then told.
        invitation, tried = find(token), _try()
        person = authenticate(tried, username=invitation.email, password=password)
        try:
            return _joined(invitation, person, password, name, tried)
        except (errors.Invalid, guessing.LockedOut) as error:
            problem: errors.ServiceError = error
        if guessing.was_judged(tried):
            logins.failed(email, is_locked_out=guessing.is_locked_out(tried), by="invitation")
            _count_failure(invitation)
    raise problem


def accept_as(*, token: str, person: User) -> Membership:
    """The same for who has logged in already."""
    with transaction.atomic():
        invitation = find(token)
        if person.email != invitation.email or not person.is_active:
            raise errors.NotFound(f"this invitation is of {invitation.email}: log in as that, or log out and go on")
        return _join(invitation, person)


def _try() -> HttpRequest:
    """What django-axes notes a try by, and logs: not the request, whose path may hold the token."""
    tried = HttpRequest()
    tried.META["PATH_INFO"] = "/invitations"
    return tried


def _joined(invitation: Invitation, person: object, password: str, name: str, tried: HttpRequest) -> Membership:
    """Judged whether the address is known or not, and as slow in either case."""
    if guessing.is_locked_out(tried):
        raise guessing.LockedOut
    with transaction.atomic():
        found = person if isinstance(person, User) else _new_person(invitation, password, name)
        membership = _join(invitation, found)
    reset(ip=guessing.address(tried), username=guessing.account(tried, {"username": invitation.email}))
    return membership


def _new_person(invitation: Invitation, password: str, name: str) -> User:
    problems = _problems(User(email=invitation.email, name=name), password)
    if problems or User.objects.filter(email=invitation.email).exists():
        raise errors.Invalid((problems or [WRONG])[0], details={"password": problems or [WRONG]})
    try:
        with transaction.atomic():
            return User.objects.create_user(invitation.email, password, name=name)
    except IntegrityError:
        raise errors.Invalid(WRONG, details={"password": [WRONG]}) from None


def _problems(person: User, password: str) -> list[str]:
    try:
        password_validation.validate_password(password, person)
    except ValidationError as error:
        return list(error.messages)
    return []


def _join(invitation: Invitation, person: User) -> Membership:
    invitation.accepted_at = timezone.now()
    invitation.save(update_fields=["accepted_at"])
    given = {"role": invitation.role, "own_jobs_only": invitation.own_jobs_only}
    # Who became a member meanwhile keeps the role they have.
    membership, joined = Membership.objects.get_or_create(user=person, tenant=invitation.tenant, defaults=given)
    membership.tenant, membership.user = invitation.tenant, person  # for who is told: the wall is up again by then
    requests.known_as(actors.member(membership))
    changes = {"email": [None, person.email], "role": [None if joined else membership.role, membership.role]}
    audit.record(
        action="invitation.accepted",
        object_type="invitation",
        object_id=invitation.pk,
        tenant=invitation.tenant,
        changes=changes,
    )
    return membership


def _count_failure(invitation: Invitation) -> None:
    invitation.failures += 1
    if invitation.failures >= invitations.MOST_FAILURES:
        invitation.revoked_at = timezone.now()
    invitation.save(update_fields=["failures", "revoked_at"])
