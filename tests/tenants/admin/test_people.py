"""People at the console."""

from __future__ import annotations

import secrets
from typing import Any

from django.contrib.auth.hashers import check_password

from tests.support import console as support
from tests.support import rows
from tests.support.console import Console


def _row(pk: Any) -> Any:
    return rows.fetch("SELECT name, is_active, is_superuser, is_staff FROM person WHERE id = %s", pk)[0]


def test_a_new_person_can_log_in(console: Console) -> None:
    email = f"{secrets.token_hex(4)}@Example.com"
    form = {"email": email, "name": "Ada", "password": "a rather long one", "is_superuser": "on"}
    answer = console.client.post(support.url("tenants_user_add"), form)
    assert answer.status_code == 302, support.problems(answer)
    ((pk, password),) = rows.fetch("SELECT id, password FROM person WHERE email = %s", email.lower())
    assert check_password("a rather long one", password)
    assert _row(pk) == ("Ada", True, True, True)


def test_a_weak_password_is_refused(console: Console) -> None:
    answer = console.client.post(support.url("tenants_user_add"), {"email": "b@example.com", "password": "short"})
    assert "password" in answer.context["form"].errors


def test_rights_are_changed(console: Console) -> None:
    other = support.person()
    console.pressed("tenants_user_rights", other.pk, name="Grace", is_active="on")
    assert _row(other.pk) == ("Grace", True, False, False)


def test_nobody_takes_their_own_rights_away(console: Console) -> None:
    answer = console.press("tenants_user_rights", console.user.pk, name="x", is_active="on")
    assert "your own rights" in support.problems(answer)[0]
    assert _row(console.user.pk)[1:3] == (True, True)


def test_a_password_is_set(console: Console) -> None:
    other = support.person()
    console.pressed("tenants_user_password", other.pk, password="another long one")
    assert check_password("another long one", rows.fetch("SELECT password FROM person WHERE id = %s", other.pk)[0][0])


def test_somebody_joins_a_tenant_gets_another_role_and_leaves(console: Console) -> None:
    other, tenant = support.person(), rows.tenant(name="Acme")
    for role in ("viewer", "editor"):
        console.pressed("tenants_user_join", other.pk, tenant=str(tenant), role=role)
        ((membership, has),) = rows.fetch("SELECT id, role FROM membership WHERE user_id = %s", other.pk)
        assert has == role
    assert "Acme" in console.page("tenants_user_change", other.pk)
    console.pressed("tenants_user_leave", other.pk, membership=str(membership))
    assert rows.fetch("SELECT 1 FROM membership WHERE user_id = %s", other.pk) == []


def test_only_ones_own_memberships_can_be_ended(console: Console) -> None:
    one, other, tenant = support.person(), support.person(), rows.tenant()
    for person in (one, other):
        console.pressed("tenants_user_join", person.pk, tenant=str(tenant), role="viewer")
    ((membership,),) = rows.fetch("SELECT id FROM membership WHERE user_id = %s", other.pk)
    assert console.press("tenants_user_leave", one.pk, membership=str(membership)).status_code == 200
    assert rows.fetch("SELECT count(*) FROM membership WHERE tenant_id = %s", tenant) == [(2,)]


def test_an_auditor_is_made_and_made_none(console: Console) -> None:
    other = support.person(superuser=False)
    for given, is_auditor in (({"is_auditor": "on"}, True), ({}, False)):
        console.pressed("tenants_user_rights", other.pk, name="Grace", is_active="on", **given)
        assert rows.fetch("SELECT is_auditor, is_superuser FROM person WHERE id = %s", other.pk) == [
            (is_auditor, False)
        ]


def test_an_editor_may_be_held_to_their_own_jobs_and_nobody_else(console: Console) -> None:
    other, tenant = support.person(superuser=False), rows.tenant()
    joining = {"tenant": str(tenant), "own_jobs_only": "on"}
    answer = console.press("tenants_user_join", other.pk, **joining, role="admin")
    assert "only an editor" in support.problems(answer)[0]
    console.pressed("tenants_user_join", other.pk, **joining, role="editor")
    assert "editor, of their own jobs" in console.page("tenants_user_change", other.pk)


def test_a_person_is_logged_out_everywhere(console: Console) -> None:
    other = support.person()
    elsewhere = Console(other)
    assert elsewhere.get("index").status_code == 200
    console.pressed("tenants_user_log_out", other.pk)
    assert elsewhere.get("index").status_code == 302
    assert Console(support.User.objects.get(pk=other.pk)).get("index").status_code == 200
