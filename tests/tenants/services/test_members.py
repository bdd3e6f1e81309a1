"""Who may change whom: roles and actions, the last administrator, and two of them at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection, transaction

from tenants import actors, context
from tenants.errors import Invalid, NotFound
from tenants.models import Membership
from tenants.services import invitations, members
from tests.support import invitees, rows
from tests.support.acting import as_

ROLES = ("viewer", "runner", "editor", "admin")


def in_scope(of, act):
    with context.within(context.Scope(tenant_id=of.tenant.pk)), transaction.atomic():
        return act()


def found(member):
    return Membership.objects.select_related("tenant", "user").get(pk=member)


def stored(member):
    return rows.fetch("SELECT role, own_jobs_only FROM membership WHERE id = %s", member)


@pytest.fixture
def admin(owner):
    """The tenant's one administrator."""
    return invitees.member(owner.tenant.id, "admin")


@pytest.mark.usefixtures("admin")
@pytest.mark.parametrize("role", [*ROLES, "auditor", "superadmin"])
@pytest.mark.parametrize("action", ["change", "remove", "invite"])
def test_administrators_alone_change_remove_and_invite(owner, role, action):
    member = invitees.member(owner.tenant.id)

    def act():
        if action == "change":
            members.change(membership=found(member), role="runner")
        elif action == "remove":
            members.remove(membership=found(member))
        else:
            invitations.create(tenant=owner.tenant, email="new@example.com", role="viewer", site="http://x")

    with as_(owner, role):
        if role in ("admin", "superadmin"):
            in_scope(owner, act)
        else:
            with pytest.raises(actors.MissingPermission):
                in_scope(owner, act)
    changed = stored(member) != [("viewer", False)] or rows.fetch(
        "SELECT 1 FROM invitation WHERE tenant_id = %s", owner.tenant.id
    ) != []  # fmt: skip
    assert changed == (role in ("admin", "superadmin"))


def test_nobody_gives_more_than_they_have(owner, monkeypatch):
    """As it would be if inviting came with a lesser role, too."""
    member = invitees.member(owner.tenant.id)
    monkeypatch.setattr(actors, "require", lambda *_, **__: None)
    with as_(owner, "editor"):
        in_scope(owner, lambda: members.change(membership=found(member), role="editor"))
        with pytest.raises(actors.MissingPermission, match="more than you"):
            in_scope(owner, lambda: members.change(membership=found(member), role="admin"))
        with pytest.raises(actors.MissingPermission, match="more than you"):
            in_scope(owner, lambda: invitations.create(tenant=owner.tenant, email="a@b.de", role="admin", site=""))


def test_the_last_administrator_is_neither_removed_nor_demoted(owner, admin):
    invitees.member(owner.tenant.id, "admin", of=invitees.person(is_active=False))  # cannot log in, so does not count
    with as_(owner, "admin"):
        with pytest.raises(members.LastAdmin):
            in_scope(owner, lambda: members.remove(membership=found(admin)))
        with pytest.raises(members.LastAdmin):
            in_scope(owner, lambda: members.change(membership=found(admin), role="editor"))
        invitees.member(owner.tenant.id, "admin")
        in_scope(owner, lambda: members.change(membership=found(admin), role="editor"))
    assert stored(admin) == [("editor", False)]


def test_the_platform_may_remove_the_last_administrator(owner, admin):
    with as_(owner, "superadmin"):
        in_scope(owner, lambda: members.remove(membership=found(admin)))
    assert stored(admin) == []


def test_two_administrators_who_remove_each_other_leave_one(owner):
    both = [invitees.member(owner.tenant.id, "admin") for _ in range(2)]
    start = Barrier(2)

    def remove(member):
        try:
            with as_(owner, "admin"):

                def act():
                    row = found(member)
                    start.wait(60)
                    members.remove(membership=row)

                in_scope(owner, act)
        except members.LastAdmin:
            return False
        finally:
            connection.close()
        return True

    for _ in range(5):
        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(remove, both)) == [False, True]
        left = [member for member in both if stored(member)]
        both = [*left, invitees.member(owner.tenant.id, "admin")]


def test_own_jobs_only_is_for_editors(owner, admin):
    member = invitees.member(owner.tenant.id)
    with as_(owner, "admin"):
        with pytest.raises(Invalid, match="only an editor"):
            in_scope(owner, lambda: members.change(membership=found(member), own_jobs_only=True))
        in_scope(owner, lambda: members.change(membership=found(member), role="editor", own_jobs_only=True))
        assert stored(member) == [("editor", True)]
        in_scope(owner, lambda: members.change(membership=found(member), role="runner"))
    assert stored(member) == [("runner", False)]


def test_a_member_removed_meanwhile_is_not_there(owner, admin):
    member = invitees.member(owner.tenant.id)
    with as_(owner, "admin"):
        row = in_scope(owner, lambda: found(member))
        in_scope(owner, lambda: members.remove(membership=row))
        with pytest.raises(NotFound):
            in_scope(owner, lambda: members.change(membership=row, role="editor"))


def test_what_was_done_to_members_is_audited(owner, admin):
    member = invitees.member(owner.tenant.id)
    with as_(owner, "admin"):
        in_scope(owner, lambda: members.change(membership=found(member), role="editor"))
        in_scope(owner, lambda: members.remove(membership=found(member)))
    told = rows.fetch(
        "SELECT action, actor, changes->'role' FROM audit_event WHERE object_id = %s ORDER BY id", str(member)
    )
    assert told == [
        ("member.updated", "user:admin@example.com", ["viewer", "editor"]),
        ("member.removed", "user:admin@example.com", ["editor", None]),
    ]


def test_the_platform_makes_members_without_asking_them(owner):
    person = invitees.person()

    def add(role, **more):
        return in_scope(owner, lambda: members.add(person=person, tenant=owner.tenant, role=role, **more))

    with as_(owner, "superadmin"):
        member = add("viewer").pk
        assert add("editor", own_jobs_only=True).pk == member
        with pytest.raises(Invalid, match="only an editor"):
            add("admin", own_jobs_only=True)
    assert stored(member) == [("editor", True)]
    told = rows.fetch("SELECT action, changes->'role' FROM audit_event WHERE object_id = %s ORDER BY id", str(member))
    assert told == [("member.added", [None, "viewer"]), ("member.updated", ["viewer", "editor"])]


def test_nobody_else_does(owner, admin):
    person = invitees.person()
    with as_(owner, "admin"), pytest.raises(actors.MissingPermission):
        in_scope(owner, lambda: members.add(person=person, tenant=owner.tenant, role="viewer"))
    assert rows.fetch("SELECT 1 FROM membership WHERE user_id = %s", person.pk) == []
