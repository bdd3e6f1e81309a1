"""/approvals: who may decide, once and in time."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from jobs.engine import approvals as engine
from jobs.rules.approvals import Default, Question
from tests.support import actors, approvals, logins, people, rows
from tests.support.people import quick_hashes  # noqa: F401 - a fixture
from tests.support.processes import eventually

pytestmark = pytest.mark.usefixtures("quick_hashes")

PATH = "/api/v1/approvals"


def decide(api, approval, action="approve", **body):
    return api.post(f"{PATH}/{approval}/{action}", body)


def test_approval_says_what_is_asked_who_may_decide_and_until_when(owner):
    approval = approvals.waiting(owner.tenant.id)
    shown = owner.api.get(f"{PATH}/{approval}").json()
    assert (shown["question"], shown["state"], shown["default"]) == ("Deploy now?", "waiting", "fail")
    assert shown["who"] == {"roles": [], "members": [], "api_keys": []}
    assert any(name.startswith("API key ") for name in shown["may_decide"])
    assert shown["allowed_actions"] == ["approve", "reject"]
    assert (shown["decided_by"], shown["decided_at"]) == (None, None)


def test_question_takes_payloads_read(owner):
    approval = approvals.waiting(owner.tenant.id)
    reader = actors.with_scopes(owner, ["executions:read"])
    shown = reader.api.get(f"{PATH}/{approval}").json()
    assert (shown["question"], shown["allowed_actions"]) == (None, [])


def test_decision_is_kept_with_who_and_why_in_audit_and_events(owner):
    for action, state in (("approve", "approved"), ("reject", "rejected")):
        approval = approvals.waiting(owner.tenant.id)
        answer = decide(owner.api, approval, action, reason="tested on staging")
        assert answer.status_code == 200, answer.content
        told = answer.json()
        author = "key:" + owner.key.split("_")[1]
        assert (told["state"], told["decided_by"], told["reason"]) == (state, author, "tested on staging")
        assert told["decided_at"] is not None
        (entry,) = owner.api.get("/api/v1/audit-events", object_id=str(approval)).json()["data"]
        assert (entry["action"], entry["reason"]) == (f"approval.{state}", "tested on staging")
        found = rows.fetch("SELECT kind, data->>'by' FROM event WHERE data->>'approval' = %s", str(approval))
        assert found == [("approval.decided", author)]


def test_rejecting_takes_a_reason_and_approving_does_not(owner):
    approval = approvals.waiting(owner.tenant.id)
    assert decide(owner.api, approval, "reject").json()["error"]["details"] == {
        "reason": ["say why, for the audit trail"]
    }
    assert decide(owner.api, approval).status_code == 200


def test_what_is_decided_stays_so(owner):
    approval = approvals.waiting(owner.tenant.id)
    decide(owner.api, approval)
    answer = decide(owner.api, approval, "reject", reason="no")
    assert (answer.status_code, answer.json()["error"]["details"]["state"]) == (409, "approved")
    assert approvals.state(approval) == "approved"


def test_nobody_decides_after_its_time_or_on_what_has_ended(owner):
    late = approvals.waiting(owner.tenant.id, until=rows.now() - timedelta(seconds=1))
    ended = approvals.waiting(owner.tenant.id, execution=rows.execution(rows.job(owner.tenant.id), "cancelled"))
    for approval in (late, ended):
        assert decide(owner.api, approval).status_code == 409
        assert approvals.state(approval) == "waiting"


def test_only_who_is_named_may_decide(owner):
    person, other = (people.member(owner.tenant, "runner") for _ in range(2))
    approval = approvals.waiting(owner.tenant.id, members=f'["{person.email}"]')
    for refused in (owner.api, other.api()):
        answer = decide(refused, approval)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "NOT_FOR_YOU")
        assert "required" not in answer.json()["error"]["details"]
        assert answer.json()["error"]["details"]["may_decide"] == [person.email]
    assert decide(person.api(), approval).status_code == 200


def test_roles_and_keys_may_be_named(owner):
    admin, runner = (people.member(owner.tenant, role) for role in ("admin", "runner"))
    of_admins = approvals.waiting(owner.tenant.id, roles='["admin"]')
    assert owner.api.get(f"{PATH}/{of_admins}").json()["may_decide"].count(admin.email) == 1
    assert decide(runner.api(), of_admins).status_code == 403
    assert decide(admin.api(), of_admins).status_code == 200
    key = rows.fetch("SELECT id::text FROM api_key WHERE key_id = %s", owner.key.split("_")[1])[0][0]
    of_key = approvals.waiting(owner.tenant.id, api_keys=f'["{key}"]')
    assert decide(admin.api(), of_key).status_code == 403
    assert decide(owner.api, of_key).status_code == 200


def test_who_started_it_may_not_decide_where_it_takes_four_eyes_nor_by_a_key_of_theirs(owner):
    person, other = (people.member(owner.tenant, "admin") for _ in range(2))
    asked = {"not_by_requester": True, "requested_by": f"user:{person.email}"}
    approval = approvals.waiting(owner.tenant.id, **asked)
    theirs = person.api()
    key = theirs.post("/api/v1/api-keys", {"name": uuid4().hex, "scopes": ["admin"]}).json()["key"]
    for refused in (theirs, actors.Api(key)):
        assert decide(refused, approval).status_code == 403
    assert person.email not in owner.api.get(f"{PATH}/{approval}").json()["may_decide"]
    assert theirs.get(PATH, mine="true").json()["data"] == []
    assert decide(other.api(), approval).status_code == 200


def test_list_is_by_state_and_by_what_i_may_decide(owner):
    mine = approvals.waiting(owner.tenant.id)
    others = approvals.waiting(owner.tenant.id, members='["somebody@example.com"]')
    late = approvals.waiting(owner.tenant.id, until=rows.now() - timedelta(seconds=1))
    done = approvals.waiting(owner.tenant.id)
    decide(owner.api, done)
    approvals.waiting(rows.tenant())

    def listed(**query):
        return [row["id"] for row in owner.api.get(PATH, **query).json()["data"]]

    assert listed() == [str(each) for each in (done, late, others, mine)]
    assert listed(state="waiting") == [str(each) for each in (late, others, mine)]
    assert listed(state="decided") == listed(state="approved") == [str(done)]
    assert listed(mine="true") == listed(mine="true", state="waiting") == [str(mine)]
    assert listed(mine="true", state="decided") == []
    assert owner.api.get(PATH, state="open").status_code == 422


@pytest.mark.parametrize(("by_default", "state"), [("approve", "approved"), ("reject", "rejected"), ("fail", "lapsed")])
def test_what_nobody_decided_on_in_time_becomes_what_its_default_says(owner, by_default, state):
    approval = approvals.waiting(owner.tenant.id, until=rows.now() - timedelta(seconds=1), by_default=by_default)
    execution = rows.fetch("SELECT execution_id FROM approval WHERE id = %s", approval)[0][0]
    with logins.engine():
        found = _ask(execution)
    assert (found.pk, found.state, found.decided_by) == (approval, state, "")
    assert owner.api.get(f"{PATH}/{approval}").json()["decided_by"] is None
    assert decide(owner.api, approval).status_code == 409


def test_an_execution_asks_once(owner):
    execution = rows.execution(rows.job(owner.tenant.id), "running", triggered_by="user:ann@example.com")
    with logins.engine():
        first, again = _ask(execution), _ask(execution)
    assert (first.pk, first.until, first.requested_by) == (again.pk, again.until, "user:ann@example.com")
    assert rows.fetch("SELECT kind FROM event WHERE execution_id = %s", execution) == [("approval.asked",)]


def test_what_waits_is_withdrawn_when_its_execution_has_ended(owner):
    gone = approvals.waiting(owner.tenant.id, execution=uuid4())
    ended = approvals.waiting(owner.tenant.id, execution=rows.execution(rows.job(owner.tenant.id), "cancelled"))
    waits = approvals.waiting(owner.tenant.id)
    with logins.engine():
        engine.withdraw()
    assert [approvals.state(each) for each in (gone, ended, waits)] == ["withdrawn", "withdrawn", "waiting"]


def test_job_that_asks_is_stored_and_refused_with_a_secret_in_its_question(owner):
    named = [people.member(owner.tenant, "runner").email.upper()]
    payload = {"question": "Deploy {{ payload.limit_seconds }}?", "limit_seconds": 60, "who": {"members": named}}
    wanted = {"name": "gate", "type": "approval", "payload": payload}
    assert owner.api.post("/api/v1/jobs", wanted).status_code == 201
    owner.api.post("/api/v1/secrets", {"name": "token", "value": "a value of theirs"})
    payload["question"] = "Deploy with {{ secrets.token }}?"
    answer = owner.api.post("/api/v1/jobs", {**wanted, "name": "other"})
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (422, ["payload.question"])


def test_worked_example_of_the_docs_is_taken_as_it_stands(owner):
    text = (Path(__file__).parents[3] / "docs" / "dependencies.md").read_text()
    example = json.loads(text.split("## An approval in between")[1].split("```json")[1].split("```")[0])
    for wanted in example["jobs"]:
        answer = owner.api.post("/api/v1/jobs", wanted)
        assert answer.status_code == 201, answer.content


def _ask(execution):
    return engine.ask(execution, Question(text="Deploy now?", limit=timedelta(days=1), by_default=Default.FAIL))


def test_lists_are_in_the_order_of_asking_and_not_of_the_executions(owner):
    early, late = (rows.execution(rows.job(owner.tenant.id), "blocked", epoch=1) for _ in range(2))
    with logins.engine():
        first = _ask(late)
        assert eventually(lambda: rows.now() > first.created_at + timedelta(milliseconds=2))
        asked = [str(first.pk), str(_ask(early).pk)]
        assert str(_ask(early).pk) == asked[1], "whoever asks again meets the first"
    assert [row["id"] for row in owner.api.get(PATH).json()["data"]] == asked[::-1]


def test_who_is_no_member_and_no_key_of_the_tenant_cannot_be_named(owner, outsider):
    person, foreign = people.member(owner.tenant, "runner"), people.member(outsider.tenant, "runner")
    key = rows.fetch("SELECT id::text FROM api_key WHERE key_id = %s", outsider.key.split("_")[1])[0][0]
    path = f"/api/v1/jobs/{uuid4().hex}"

    def put(**who):
        return owner.api.put(path, {"type": "approval", "payload": {"question": "Now?", "who": who}})

    refused = put(members=["nobody@example.com", person.email.upper(), foreign.email], api_keys=[key])
    assert refused.json()["error"]["details"] == {
        "payload.who.members[0]": ["nobody@example.com is no member of this tenant: correct it, or invite them first"],
        "payload.who.members[2]": [f"{foreign.email} is no member of this tenant: correct it, or invite them first"],
        "payload.who.api_keys[0]": [f"{key} is no API key of this tenant: correct it, or make it first"],
    }
    assert put(members=[person.email]).status_code == 201
    rows.change("DELETE FROM membership WHERE user_id = (SELECT id FROM person WHERE email = %s)", person.email)
    assert owner.api.patch(path, {"priority": 7}).status_code == 200
    assert owner.api.post(f"{path}/trigger").status_code == 202, "who has left is no reason to refuse what was stored"
