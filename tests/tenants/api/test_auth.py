"""People log in: for their own tenant, with what their role says now; and stay in by refreshing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tenants.models import User
from tenants.rules import permissions
from tests.support import actors, people, rows, threads
from tests.support.people import PASSWORD, REVOKE, bearer, code, quick_hashes  # noqa: F401 - a fixture

pytestmark = pytest.mark.usefixtures("quick_hashes")
JOBS, ME, SESSIONS = "/api/v1/jobs", "/api/v1/me", "/api/v1/auth/sessions"


@pytest.mark.parametrize("role", permissions.OF_ROLES)
def test_a_member_may_what_their_role_says(owner, role):
    me = people.member(owner.tenant, role).api().get(ME).json()
    assert set(me["permissions"]) == permissions.OF_ROLES[role]
    assert (me["tenant"], me["of_platform"], me["memberships"][0]["role"]) == (owner.tenant.slug, False, role)


def test_who_belongs_to_several_tenants_names_one(owner, outsider):
    person = people.member(owner.tenant)
    people.join(person, outsider.tenant, "admin")
    refused = person.log_in()
    assert code(refused) == (422, "VALIDATION_FAILED")
    assert owner.tenant.slug in str(refused.json()["error"]["details"]["tenant"])
    api = person.api(tenant=outsider.tenant.slug)
    assert api.get(ME).json()["tenant"] == outsider.tenant.slug
    assert code(api.get(JOBS, tenant=owner.tenant.slug)) == (404, "NOT_FOUND")
    assert api.get(JOBS, tenant=outsider.tenant.slug).status_code == 200


def test_a_tenant_one_does_not_belong_to_is_not_there(owner, outsider):
    person = people.member(owner.tenant)
    there, nowhere = person.log_in(tenant=outsider.tenant.slug), person.log_in(tenant="no-such-tenant")
    assert code(there) == code(nowhere) == (404, "NOT_FOUND")
    assert there.json()["error"]["message"] == nowhere.json()["error"]["message"]


def test_who_belongs_nowhere_is_told_so():
    assert code(people.somebody().log_in()) == (403, "MISSING_SCOPE")


def test_the_platforms_people_name_the_tenant_in_the_query(owner):
    api = people.somebody(is_superuser=True).api()
    assert code(api.get(JOBS)) == (422, "VALIDATION_FAILED")
    assert api.get(JOBS, tenant=owner.tenant.slug).status_code == 200
    assert code(api.get(JOBS, tenant="no-such-tenant")) == (404, "NOT_FOUND")
    assert code(api.get(f"{JOBS}?tenant=a&tenant=b")) == (422, "VALIDATION_FAILED")
    for path in ("queues", "workers", "job-types"):
        assert api.get(f"/api/v1/{path}").status_code == 200
    assert api.post("/api/v1/queues", {"name": f"q-{owner.tenant.slug}"}).status_code == 201


def test_an_auditor_sees_every_tenant_and_changes_nothing(owner):
    api = people.somebody(is_auditor=True).api(tenant=owner.tenant.slug)
    assert api.get(JOBS).status_code == 200
    assert code(api.post(JOBS, {})) == (403, "MISSING_SCOPE")


def test_a_new_role_counts_from_the_next_request_on(owner):
    person = people.member(owner.tenant, "editor")
    api = person.api()
    assert api.post(JOBS, {"name": "a", "type": "dummy"}).status_code == 201
    rows.change("UPDATE membership SET role = 'viewer' WHERE user_id = %s", person.user.pk)
    assert code(api.post(JOBS, {"name": "b", "type": "dummy"})) == (403, "MISSING_SCOPE")
    assert api.get(JOBS).status_code == 200


def test_an_editor_of_own_jobs_is_held_to_them(owner):
    person = people.member(owner.tenant, "editor", own_jobs_only=True)
    api = person.api()
    assert api.post(JOBS, {"name": "mine", "type": "dummy", "owner": person.email}).status_code == 201
    assert code(api.post(JOBS, {"name": "theirs", "type": "dummy", "owner": "x@example.com"})) == (403, "MISSING_SCOPE")


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE person SET is_active = false WHERE id = %(person)s", (401, "UNAUTHENTICATED")),
        ("UPDATE person SET password = 'other' WHERE id = %(person)s", (401, "UNAUTHENTICATED")),
        ("UPDATE person SET log_outs = log_outs + 1 WHERE id = %(person)s", (401, "UNAUTHENTICATED")),
        ("DELETE FROM membership WHERE user_id = %(person)s", (401, "UNAUTHENTICATED")),
        ("UPDATE tenant SET state = 'suspended' WHERE id = %(tenant)s", (403, "TENANT_SUSPENDED")),
        ("UPDATE login_session SET ended_at = now() WHERE person_id = %(person)s", (401, "UNAUTHENTICATED")),
        ("UPDATE login_session SET expires_at = now() WHERE person_id = %(person)s", (401, "UNAUTHENTICATED")),
        ("DELETE FROM login_session WHERE person_id = %(person)s", (401, "UNAUTHENTICATED")),
    ],
)
def test_what_ends_a_log_in_ends_both_tokens_at_once(owner, statement, expected):
    person = people.member(owner.tenant, "admin")
    tokens = person.tokens()
    assert bearer(tokens["access"]).get(JOBS).status_code == 200
    rows.change(statement, person=person.user.pk, tenant=owner.tenant.id)
    assert code(bearer(tokens["access"]).get(JOBS)) == expected
    assert code(person.refresh(tokens["refresh"])) == expected


def test_a_refresh_token_is_good_once_and_its_replay_ends_the_log_in(owner):
    person = people.member(owner.tenant)
    first = person.tokens()
    second = person.refresh(first["refresh"]).json()
    assert bearer(second["access"]).get(JOBS).status_code == 200
    _long_ago(person)
    assert code(person.refresh(first["refresh"])) == (401, "UNAUTHENTICATED")
    for token in (first, second):
        assert code(bearer(token["access"]).get(JOBS)) == (401, "UNAUTHENTICATED")
    assert code(person.refresh(second["refresh"])) == (401, "UNAUTHENTICATED")
    assert rows.fetch("SELECT ended_because FROM login_session WHERE person_id = %s", person.user.pk) == [("replayed",)]
    assert _trail(person, "session.replayed") == 1


def test_a_replay_of_any_older_token_ends_the_log_in_even_at_once(owner):
    person = people.member(owner.tenant)
    first = person.tokens()["refresh"]
    second = person.refresh(first).json()["refresh"]
    third = person.refresh(second).json()["refresh"]
    assert code(person.refresh(first)) == (401, "UNAUTHENTICATED")
    assert code(person.refresh(third)) == (401, "UNAUTHENTICATED")


def test_one_of_many_parallel_refreshes_wins_and_the_others_end_nothing(owner):
    person = people.member(owner.tenant)
    token = person.tokens()["refresh"]
    answers = threads.together([lambda: person.refresh(token)] * 12)
    won = [answer for answer in answers if answer.status_code == 200]
    assert len(won) == 1
    assert {code(answer) for answer in answers if answer.status_code != 200} == {(409, "CONFLICT")}
    assert person.refresh(won[0].json()["refresh"]).status_code == 200


def test_a_log_in_is_over_after_a_week_however_often_it_is_refreshed(owner):
    person = people.member(owner.tenant)
    token = person.tokens()["refresh"]
    rows.change(
        "UPDATE login_session SET created_at = now() - interval '167 hours' WHERE person_id = %s", person.user.pk
    )
    assert person.refresh(token).status_code == 200
    [(left,)] = rows.fetch("SELECT expires_at - now() FROM login_session WHERE person_id = %s", person.user.pk)
    assert left <= timedelta(hours=1)


def test_revoking_ends_the_log_in_and_says_nothing_of_bad_tokens(owner):
    person = people.member(owner.tenant)
    tokens = person.tokens()
    assert person.post(REVOKE, {"refresh": "nonsense"}).status_code == 204
    assert person.post(REVOKE, {"refresh": tokens["access"]}).status_code == 204
    assert bearer(tokens["access"]).get(JOBS).status_code == 200
    assert person.post(REVOKE, {"refresh": tokens["refresh"]}).status_code == 204
    assert code(bearer(tokens["access"]).get(JOBS)) == (401, "UNAUTHENTICATED")


def test_one_sees_and_ends_ones_own_sessions_and_nobody_elses(owner):
    person, other = people.member(owner.tenant), people.member(owner.tenant)
    api, elsewhere = person.api(), person.api()
    theirs = other.api().get(SESSIONS).json()["data"][0]["id"]
    shown = api.get(SESSIONS).json()["data"]
    assert [(row["person"], row["current"], row["state"]) for row in shown] == [
        (person.email, False, "live"),
        (person.email, True, "live"),
    ]
    assert shown[0]["address"] == person.address
    assert code(api.delete(f"{SESSIONS}/{theirs}")) == (404, "NOT_FOUND")
    assert api.delete(f"{SESSIONS}/{shown[0]['id']}").status_code == 204
    assert code(elsewhere.get(JOBS)) == (401, "UNAUTHENTICATED")
    assert api.get(JOBS).status_code == 200


def test_an_administrator_ends_sessions_of_their_tenant_and_of_no_other(owner, outsider):
    member, stranger = people.member(owner.tenant), people.member(outsider.tenant)
    theirs, strange = member.api(), stranger.api()
    admin = people.member(owner.tenant, "admin").api()
    seen = {row["person"]: row["id"] for row in admin.get(SESSIONS).json()["data"]}
    assert member.email in seen
    assert stranger.email not in seen
    assert admin.delete(f"{SESSIONS}/{seen[member.email]}").status_code == 204
    assert code(theirs.get(JOBS)) == (401, "UNAUTHENTICATED")
    assert strange.get(JOBS).status_code == 200


def test_a_key_has_no_sessions(teammate):
    assert teammate.api.get(SESSIONS).json()["data"] == []
    assert code(teammate.api.post(f"{ME}/password", {})) == (403, "MISSING_SCOPE")


def test_a_new_password_of_ones_own_ends_all_other_sessions(owner):
    person = people.member(owner.tenant)
    here, there = person.api(), person.api()
    wish = {"current_password": PASSWORD, "new_password": "a completely different one"}
    wrong = here.post(f"{ME}/password", {**wish, "current_password": "x"})
    assert (wrong.status_code, list(wrong.json()["error"]["details"])) == (422, ["current_password"])
    weak = here.post(f"{ME}/password", {**wish, "new_password": "short"})
    assert (weak.status_code, list(weak.json()["error"]["details"])) == (422, ["password"])
    assert there.get(JOBS).status_code == 200
    assert here.post(f"{ME}/password", wish).status_code == 204
    assert here.get(JOBS).status_code == 200
    assert code(there.get(JOBS)) == (401, "UNAUTHENTICATED")
    assert person.log_in().status_code == 401
    assert person.log_in(password="a completely different one").status_code == 200


@pytest.mark.parametrize(
    "body", [{}, {"email": "a@example.com"}, {"email": 1, "password": []}, [], {"email": "a", "password": "b", "x": 1}]
)
def test_bad_credentials_are_refused_by_field(body):
    assert people.Person(User(email="x")).post(people.TOKEN, body).status_code in (400, 422)


def test_log_ins_are_in_the_audit_trail(owner):
    person = people.member(owner.tenant)
    person.log_in(password="wrong")
    person.tokens()
    assert _trail(person, "person.login_failed") == _trail(person, "person.logged_in") == 1
    assert rows.fetch("SELECT last_login IS NULL FROM person WHERE id = %s", person.user.pk) == [(False,)]


def test_tokens_are_stored_nowhere(owner):
    person = people.member(owner.tenant)
    tokens = person.tokens()
    stored = str(
        rows.fetch("SELECT s::text, a::text FROM login_session s, audit_event a WHERE s.person_id = %s", person.user.pk)
    )
    for text in (tokens["access"], tokens["refresh"]):
        assert not any(part in stored for part in text.split("."))


def test_keys_still_speak_as_bearer(owner):
    assert bearer(owner.key).get(JOBS).status_code == 200
    assert actors.Api(owner.key).get(ME).json()["name"].startswith("key:")


def _trail(person, action):
    found = rows.fetch("SELECT object_id FROM audit_event WHERE action = %s", action)
    sessions = rows.fetch("SELECT id::text FROM login_session WHERE person_id = %s", person.user.pk)
    return sum(object_id in {str(person.user.pk), *(row[0] for row in sessions)} for (object_id,) in found)


def _long_ago(person):
    rows.change(
        "UPDATE login_session SET refreshed_at = now() - interval '6 seconds' WHERE person_id = %s", person.user.pk
    )
