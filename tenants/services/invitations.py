"""Inviting somebody into a tenant by e-mail address.

    invite ──► sent ──accept──► a member        resend: a new link, the former is void
                │ revoke, expiry, ten wrong passwords

The link is mailed, or, where no mail is set up, shown once to who invites; only its token's hash is stored. Who holds
it may choose the password of an address that is not known yet, so where there is mail, its owner alone gets it.
Nothing here, nor on the page it leads to, says whether the installation knows the address already.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils import timezone

from tenants import actors, errors, mail
from tenants.models import AuditEvent, Invitation, Membership, Tenant
from tenants.rules import ids, invitations, permissions
from tenants.services import audit, members

#: Sent in a tenant's name within a day: nobody's mail server is ours to flood with.
MOST_A_DAY = 100
PAUSE = timedelta(minutes=1)
#: With its link, or None for who is not told it.
Sent = tuple[Invitation, str | None]
_RESENT = "invitation.resent"


def create(*, tenant: Tenant, email: str, role: str, site: str, own_jobs_only: bool = False) -> Sent:
    """The stored invitation and its link below ``site``. An open one of the same address is void from now on."""
    actors.require(permissions.ADMIN, tenant=tenant)
    members.check(role, own_jobs_only=own_jobs_only)
    email = _checked(email)
    with transaction.atomic():
        _refuse_too_many(tenant)
        _refuse_member(tenant, email)
        invitation = Invitation(tenant=tenant, email=email, role=role, own_jobs_only=own_jobs_only)
        invitation.created_by = actors.current().name
        link = _renew(invitation, site)
        _open(tenant, email).update(revoked_at=timezone.now())
        _insert(invitation)
        _record("invitation.created", invitation, {"email": [None, email], "role": [None, role]})
    return invitation, _told(link)


def resend(*, invitation: Invitation, site: str) -> Sent:
    """A new link for the same invitation; the former is void."""
    with transaction.atomic():
        invitation = _lock(invitation)
        members.check(invitation.role, own_jobs_only=invitation.own_jobs_only)
        if invitation.accepted_at or invitation.revoked_at:
            raise errors.ServiceError("this invitation was used or revoked: invite again")
        if timezone.now() - invitation.sent_at < PAUSE:
            raise errors.ServiceError("this invitation was sent less than a minute ago: wait a little")
        _refuse_too_many(invitation.tenant)
        before = invitation.expires_at
        link = _renew(invitation, site)
        invitation.save(update_fields=["digest", "sent_at", "expires_at", "failures"])
        _record(_RESENT, invitation, {"expires_at": [str(before), str(invitation.expires_at)]})
    return invitation, _told(link)


def revoke(*, invitation: Invitation) -> None:
    """Its link is void from now on; does nothing to one that was used or revoked."""
    with transaction.atomic():
        invitation = _lock(invitation)
        if invitation.accepted_at is None and invitation.revoked_at is None:
            invitation.revoked_at = timezone.now()
            invitation.save(update_fields=["revoked_at"])
            _record("invitation.revoked", invitation, {"revoked_at": [None, str(invitation.revoked_at)]})


def _told(link: str) -> str | None:
    return None if mail.is_sent() and not actors.may(permissions.PLATFORM) else link


def _checked(email: str) -> str:
    try:
        validate_email(email)
    except ValidationError:
        message = "must be an e-mail address"
        raise errors.Invalid.about("email", message) from None
    return email.lower()


def _refuse_member(tenant: Tenant, email: str) -> None:
    if Membership.objects.filter(tenant=tenant, user__email=email).exists():
        message = f"{email} is a member already: change their role instead"
        raise errors.ServiceError.about("email", message)


def _refuse_too_many(tenant: Tenant) -> None:
    since = timezone.now() - timedelta(days=1)
    sent = Invitation.objects.filter(tenant=tenant, sent_at__gt=since).count()
    # A row says when it was sent last, and not how often.
    again = AuditEvent.objects.filter(tenant=tenant, action=_RESENT, id__gte=ids.floor_id(since), at__gt=since).count()
    if sent + again >= MOST_A_DAY:
        raise errors.ServiceError(f"{MOST_A_DAY} invitations were sent within a day: go on tomorrow")


def _open(tenant: Tenant, email: str):  # type: ignore[no-untyped-def]
    return Invitation.objects.filter(tenant=tenant, email=email, accepted_at=None, revoked_at=None)


def _renew(invitation: Invitation, site: str) -> str:
    """Give it a new token and its time; returns the link, which is mailed after the commit."""
    token = invitations.new_token()
    invitation.digest = invitations.digest(token, settings.SECRET_KEY) or b""
    invitation.sent_at, invitation.failures = timezone.now(), 0
    invitation.expires_at = invitation.sent_at + invitations.LASTS
    link = f"{site.rstrip('/')}/invitations/{token}"
    _mail(invitation, link)
    return link


def _mail(invitation: Invitation, link: str) -> None:
    tenant = invitation.tenant.name
    text = (
        f"You are invited to {tenant} on Carillon, as {invitation.role}.\n\n"
        f"Open this link within {invitations.LASTS.days} days to join:\n\n{link}\n\n"
        "It works once. If you did not expect it, leave it alone.\n"
    )
    mail.send_after_commit(to=invitation.email, subject=f"Invitation to {tenant}", text=text)


def _insert(invitation: Invitation) -> None:
    try:
        with transaction.atomic():
            invitation.save(force_insert=True)
    except IntegrityError:
        raise errors.ServiceError("somebody else invites this address just now: look at the invitations") from None


def _lock(invitation: Invitation) -> Invitation:
    actors.require(permissions.ADMIN, tenant=invitation.tenant_id)
    return Invitation.objects.select_related("tenant").select_for_update(of=("self",)).get(pk=invitation.pk)


def _record(action: str, invitation: Invitation, changes: Mapping[str, Any]) -> None:
    audit.record(
        action=action,
        object_type="invitation",
        object_id=invitation.pk,
        tenant=invitation.tenant,
        changes=changes,
    )
