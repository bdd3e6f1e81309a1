"""People: who may log in, and what they are in the platform. What they belong to is in :mod:`tenants.services.members`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from tenants import actors, context, errors, guessing, limits
from tenants.models import LoginSession, User
from tenants.rules import permissions
from tenants.services import audit, logins


def create(*, email: str, name: str, password: str, is_superuser: bool, is_auditor: bool = False) -> User:
    """A person who can log in. What they see is what their memberships and their role in the platform show them."""
    actors.require(permissions.PLATFORM)
    roles = {"is_superuser": is_superuser, "is_auditor": is_auditor}
    person = User(email=email.lower(), name=name, is_staff=is_superuser, **roles)
    _check_password(person, password)
    try:
        person.set_password(password)
        person.clean_fields()
        with transaction.atomic():
            person.save(force_insert=True)
            told = {"email": person.email, "name": name, "is_active": True, **roles}
            _record("person.created", person, {field: [None, value] for field, value in told.items()})
    except ValidationError as error:
        raise errors.invalid(error.message_dict) from None
    except IntegrityError:
        message = f"{email} is known already: change that person instead"
        raise errors.ServiceError.about("email", message) from None
    return person


def change(*, person: User, name: str, is_active: bool, is_superuser: bool, is_auditor: bool | None = None) -> User:
    """Store what somebody is called and may do; whether they are an auditor stays unless it is said. Nobody locks themselves out."""
    actors.require(permissions.PLATFORM)
    with transaction.atomic():
        person = User.objects.select_for_update(no_key=True).get(pk=person.pk)
        if actors.current().name == f"user:{person.email}" and not (is_active and is_superuser):
            raise errors.ServiceError("you cannot take your own rights away: ask another administrator")
        wanted = {"name": name, "is_active": is_active, "is_superuser": is_superuser, "is_staff": is_superuser}
        wanted["is_auditor"] = person.is_auditor if is_auditor is None else is_auditor
        if changes := audit.between(person, wanted):
            for field, value in wanted.items():
                setattr(person, field, value)
            person.save(update_fields=list(wanted))
            _record("person.updated", person, changes)
    return person


def set_password(*, person: User, password: str) -> None:
    """A new password. It ends every session they have."""
    actors.require(permissions.PLATFORM)
    _check_password(person, password)
    with transaction.atomic():
        person.set_password(password)
        person.save(update_fields=["password"])
        logins.end_others(person=person, keep=None, because="password_changed")
        _record("person.password_set", person, {})


def change_password(*, person: User, current: str, password: str, keep: UUID | None = None) -> None:
    """Somebody's new password of their own. It ends every session they have but the one they say it in (``keep``)."""
    _be(person)
    limits.take_login(person.email)
    with guessing.place_to_hash():
        if not person.check_password(current):
            raise errors.Invalid.about("current_password", "this is not your password")
        _check_password(person, password)
        person.set_password(password)
    with transaction.atomic():
        person.save(update_fields=["password"])
        logins.end_others(person=person, keep=keep, because="password_changed")
        if keep is not None:
            LoginSession.objects.filter(pk=keep).update(auth_hash=person.get_session_auth_hash())
        with context.within(context.PLATFORM):
            _record("person.password_changed", person, {})


def _be(person: User) -> None:
    name = actors.current().name
    if name != f"user:{person.email}":
        raise actors.MissingPermission(f"only {person.email} can change that password")


def _check_password(person: User, password: str) -> None:
    try:
        password_validation.validate_password(password, person)
    except ValidationError as error:
        raise errors.Invalid(error.messages[0], details={"password": error.messages}) from None


def _record(action: str, person: User, changes: dict[str, Any]) -> None:
    audit.record(action=action, object_type="person", object_id=person.pk, tenant=None, changes=changes)
