"""A POST with an Idempotency-Key is done once, and answered again as it was answered first."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from tenants import reservations
from tests.support import actors, people, rows, servers
from tests.support.people import quick_hashes  # noqa: F401

JOBS = "/api/v1/jobs"


def send(api, key, body=None, path=JOBS, method="post", **headers):
    body = {"name": "nightly", "type": "dummy"} if body is None else body
    sent = {"Idempotency-Key": key, **headers}
    return getattr(api._client, method)(api._at(path), body, content_type="application/json", headers=sent)


def told(answer):
    return answer.status_code, answer.json()["error"]["code"]


def is_replay(answer):
    return answer.headers.get("Idempotent-Replayed") == "true"


def stored(owner):
    return rows.fetch("SELECT count(*) FROM job WHERE tenant_id = %s", owner.tenant.id)[0][0]


def kept(owner):
    return rows.fetch("SELECT status, body FROM reservation WHERE tenant_id = %s", owner.tenant.id)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(reservations, "WAIT", timedelta(milliseconds=50))


def test_repetition_gets_the_first_answers_status_bytes_and_headers(owner):
    first = send(owner.api, "a")
    again = send(owner.api, "a")
    assert (first.status_code, is_replay(first), is_replay(again)) == (201, False, True)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    of_request = {"X-Request-Id", "RateLimit", "RateLimit-Policy", "Idempotent-Replayed"}
    first_ones, again_ones = ({k: v for k, v in each.items() if k not in of_request} for each in (first, again))
    assert first_ones == again_ones
    assert again["X-Request-Id"] != first["X-Request-Id"]
    assert stored(owner) == 1
    assert len(rows.fetch("SELECT 1 FROM audit_event WHERE tenant_id = %s", owner.tenant.id)) == 1


def test_answer_without_a_body_is_repeated_as_one(owner):
    secret = "s_" + uuid4().hex[:8]
    owner.api.post("/api/v1/secrets", {"name": secret, "value": "one value"})
    owner.api.patch(f"/api/v1/secrets/{secret}", {"value": "another value"})
    path = f"/api/v1/secrets/{secret}/discard"
    first, again = (send(owner.api, "b", {"version": 1}, path) for _ in range(2))
    assert (first.status_code, again.status_code, again.content, is_replay(again)) == (204, 204, b"", True)
    assert "Content-Type" not in again.headers


def test_other_keys_and_no_key_make_others(owner):
    execution = send(owner.api, "a").json()["id"]
    trigger = f"{JOBS}/{execution}/trigger"
    made = [send(owner.api, "x", {}, trigger), send(owner.api, "y", {}, trigger), owner.api.post(trigger)]
    assert len({answer.json()["id"] for answer in made}) == 3


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (JOBS, {"name": "another", "type": "dummy"}),
        ("/api/v1/executions", {"name": "nightly", "type": "dummy"}),
        (f"{JOBS}?tenant={{slug}}", {"name": "nightly", "type": "dummy"}),
    ],
)
def test_another_request_under_the_key_is_refused(owner, path, body):
    send(owner.api, "a")
    answer = send(owner.api, "a", body, path.format(slug=owner.tenant.slug))
    assert told(answer) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert stored(owner) == 1


def test_a_refused_request_is_not_kept_and_its_repetition_is_judged_anew(owner):
    body = {"job": "nightly"}
    assert send(owner.api, "a", body, "/api/v1/executions").status_code == 404
    assert kept(owner) == []
    owner.api.post(JOBS, {"name": "nightly", "type": "dummy"})
    answer = send(owner.api, "a", body, "/api/v1/executions")
    assert (answer.status_code, is_replay(answer)) == (202, False)


def test_a_defect_is_not_kept(owner, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr("jobs.api.jobs.jobs.create", broken)
        assert send(owner.api, "a").status_code == 500
    assert kept(owner) == []
    assert (send(owner.api, "a").status_code, stored(owner)) == (201, 1)


@pytest.mark.parametrize("key", ["", "x" * 256, "a\u00e4", "a\tb", "a\x7f"])
def test_key_that_is_none_is_refused_by_the_name_of_the_header(owner, key):
    answer = send(owner.api, key)
    assert told(answer) == (422, "VALIDATION_FAILED")
    assert list(answer.json()["error"]["details"]) == ["Idempotency-Key"]


@pytest.mark.parametrize("key", ["x", "~" * 255, 'with "quotes" and spaces'])
def test_any_printable_ascii_is_a_key(owner, key):
    assert [is_replay(send(owner.api, key)) for _ in range(2)] == [False, True]


def test_key_of_another_actor_is_another_key(owner, outsider):
    first = send(owner.api, "a").json()["id"]
    colleague = actors.with_scopes(owner, ["jobs:write"])
    assert told(send(colleague.api, "a")) == (409, "CONFLICT")  # the name, not the answer
    theirs = send(outsider.api, "a")
    assert (theirs.status_code, is_replay(theirs)) == (201, False)
    assert theirs.json()["id"] != first


def test_who_may_not_ask_is_told_no_old_answer(owner):
    key = actors.with_scopes(owner, ["jobs:write"])
    assert send(key.api, "a").status_code == 201
    rows.change("UPDATE api_key SET revoked_at = now() WHERE key_id = %s", key.key.split("_")[1])
    assert told(send(key.api, "a")) == (401, "UNAUTHENTICATED")
    assert send(owner.api, "b", {"name": "b", "type": "dummy"}).status_code == 201
    rows.change("UPDATE tenant SET state = 'suspended' WHERE id = %s", owner.tenant.id)
    assert told(send(owner.api, "b", {"name": "b", "type": "dummy"})) == (403, "TENANT_SUSPENDED")


@pytest.mark.usefixtures("quick_hashes")
def test_whoever_may_less_than_then_is_not_told_what_they_saw_then(owner):
    person = people.member(owner.tenant, "admin")
    api = person.api()
    assert send(api, "a").status_code == 201
    assert is_replay(send(api, "a"))
    for narrowed in ("role = 'editor'", "role = 'editor', own_jobs_only = true"):
        rows.change(f"UPDATE membership SET {narrowed} WHERE user_id = %s", person.user.pk)
        assert told(send(api, "a")) == (403, "MISSING_SCOPE")
    rows.change("UPDATE membership SET role = 'admin', own_jobs_only = false WHERE user_id = %s", person.user.pk)
    assert is_replay(send(api, "a"))


def test_platforms_key_has_keys_of_its_own_whichever_tenant_it_names(owner, outsider):
    operator = actors.operator()
    tenant = {"slug": f"t-{uuid4().hex[:12]}", "name": "A"}
    first, again = (send(operator.api, "a", tenant, "/api/v1/tenants") for _ in range(2))
    assert (first.status_code, again.content, is_replay(again)) == (201, first.content, True)
    assert rows.fetch("SELECT tenant_id FROM reservation WHERE body = %s", first.content) == [(None,)]
    worker = actors.with_scopes(owner, ["platform", "jobs:write"])
    assert send(worker.api, "a").status_code == 201
    assert is_replay(send(worker.api, "a"))
    elsewhere = actors.Api(worker.key, outsider.tenant.slug)
    assert told(send(elsewhere, "a")) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_after_a_day_the_key_is_free_again(owner):
    first = send(owner.api, "a")
    (expires,) = rows.fetch("SELECT expires_at FROM reservation WHERE tenant_id = %s", owner.tenant.id)[0]
    assert timedelta(hours=23, minutes=59) < expires - rows.now() <= timedelta(hours=24)
    rows.change("UPDATE reservation SET expires_at = now() WHERE tenant_id = %s", owner.tenant.id)
    again = send(owner.api, "a", {"name": "another", "type": "dummy"})
    assert (again.status_code, is_replay(again)) == (201, False)
    assert [bytes(body) for _, body in kept(owner)] == [again.content]
    assert first.content != again.content


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("of_platform", [False, True])
def test_repetition_while_the_first_is_under_way_is_told_to_come_back(owner, of_platform):
    asker = actors.with_scopes(owner, ["platform", "jobs:write"]) if of_platform else owner
    holder = servers.URLS["super"]
    with psycopg.connect(holder) as first:
        first.execute(
            """INSERT INTO reservation (id, tenant_id, scope, actor, key, fingerprint, expires_at)
               VALUES (gen_random_uuid(), %s, 'request', %s, 'a', '', now() + interval '1 day')""",
            [None if of_platform else owner.tenant.id, "key:" + asker.key.split("_")[1]],
        )
        answer = send(asker.api, "a")
        assert told(answer) == (409, "IDEMPOTENCY_IN_PROGRESS")
        assert int(answer["Retry-After"]) >= 1
        first.rollback()
    assert (send(asker.api, "a").status_code, stored(owner)) == (201, 1)


def test_other_waits_are_as_long_as_ever_after_the_key_is_taken(owner):
    limits = []

    def noting(*_, **__):
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('lock_timeout'), current_setting('statement_timeout')")
            limits.append(cursor.fetchone())
        raise LookupError

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("jobs.api.jobs.jobs.create", noting)
        send(owner.api, "a")
        owner.api.post(JOBS, {"name": "nightly", "type": "dummy"})
    assert limits[0] == limits[1]


def test_who_may_more_than_then_hears_the_answer(owner):
    editor = people.member(owner.tenant, "editor").api()
    assert send(editor, "a").status_code == 201
    rows.change("UPDATE membership SET role = 'admin' WHERE tenant_id = %s", owner.tenant.id)
    assert is_replay(send(editor, "a"))


def test_dry_run_reserves_nothing(owner):
    tried = [send(owner.api, "a", path=f"{JOBS}?dry_run=true") for _ in range(2)]
    assert [(answer.status_code, is_replay(answer)) for answer in tried] == [(200, False)] * 2
    assert (kept(owner), stored(owner)) == ([], 0)
    assert send(owner.api, "a").status_code == 201


def test_other_methods_take_no_notice(owner):
    send(owner.api, "a")
    for priority in (3, 4):
        changed = send(owner.api, "a", {"priority": priority}, f"{JOBS}/nightly", "patch")
        assert (changed.status_code, changed.json()["priority"], is_replay(changed)) == (200, priority, False)


def test_what_is_stored_of_a_request_tells_nothing_of_its_body(owner):
    """A plain hash of a password could be guessed at by whoever reads the table."""
    request = b"POST /api/v1/me/password\0{}"
    mark = reservations.fingerprint(request)
    assert len(mark) == 64
    import hashlib

    assert mark not in {hashlib.sha256(text).hexdigest() for text in (request, b"request\0" + request)}


def test_a_key_of_somebody_of_the_platform_counts_in_the_tenant_that_they_look_at(owner, outsider):
    person = people.somebody(is_superuser=True)
    here, there = (person.api(tenant=each.tenant.slug) for each in (owner, outsider))
    assert send(here, "a").status_code == 201
    assert told(send(there, "a")) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert is_replay(send(here, "a"))
    assert send(there, "b").status_code == 201
    assert (stored(owner), stored(outsider)) == (1, 1)
