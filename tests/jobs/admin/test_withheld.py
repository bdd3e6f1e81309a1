"""Payloads, results and logs are shown to those alone who may read them, wherever they would stand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import console as support
from tests.support import rows
from tests.support.console import Console

#: In every place where a payload, a result or a log line is kept.
PAYLOAD, RESULT, LINE, KEY = "payload-canary", "result-canary", "line-canary", "customer:key-canary"


@pytest.fixture(scope="module")
def furniture() -> Any:
    """A job with revisions, an override, an execution with everything, and a trail."""
    tenant = rows.tenant()
    job = rows.job(tenant, payload={"note": PAYLOAD})
    schedule = rows.schedule(job, payload={"note": PAYLOAD})
    execution, letter = support.failed_execution(job)
    rows.change(
        "UPDATE execution SET result = %s, payload = %s, concurrency_key = %s, dedup_key = %s WHERE id = %s",
        f'"{RESULT}"', f'{{"note": "{PAYLOAD}"}}', KEY, KEY, execution,
    )  # fmt: skip
    support.log(execution, tenant, [LINE])
    event = support.audit_event(tenant)
    return {
        "tenant": tenant,
        "pages": [
            ("jobs_job_change", job[0]), ("jobs_schedule_change", schedule), ("jobs_execution_change", execution),
            ("jobs_deadletter_change", letter), ("jobs_job_history", job[0]), ("jobs_job_run_now", job[0]),
            ("jobs_execution_replay", execution), ("tenants_auditevent_change", event), ("jobs_job_definition", job[0]),
            ("jobs_execution_changelist", None), ("jobs_job_changelist", None), ("jobs_schedule_changelist", None),
            ("jobs_deadletter_changelist", None), ("tenants_auditevent_changelist", None), ("index", None),
        ],
    }  # fmt: skip


def _all(console: Console, furniture: Any) -> str:
    answers = [console.get(name, *([] if key is None else [key])) for name, key in furniture["pages"]]
    assert any(answer.status_code == 200 for answer in answers)
    return "".join(answer.content.decode() for answer in answers)


@pytest.mark.parametrize(
    ("role", "payloads", "logs"),
    [("viewer", False, True), ("runner", True, True), ("editor", True, True), ("auditor", False, False)],
)
def test_what_may_not_be_read_stands_nowhere(furniture: Any, role: str, payloads: bool, logs: bool) -> None:
    user = support.auditor() if role == "auditor" else support.member(furniture["tenant"], role)
    said = _all(Console(user), furniture)
    assert {word: word in said for word in (PAYLOAD, RESULT, KEY)} == dict.fromkeys((PAYLOAD, RESULT, KEY), payloads)
    assert (LINE in said) == logs
    assert ("it takes the permission payloads:read" in said) != payloads
    assert ("it takes the permission logs:read" in said) != logs


@pytest.mark.parametrize("role", ["viewer", "admin"])
def test_what_is_found_by_typing_is_of_their_own_tenant(role: str) -> None:
    tenant, other = rows.tenant(), rows.tenant()
    mine, theirs = rows.job(tenant, name="sought, mine"), rows.job(other, name="sought, theirs")
    console = Console(support.member(tenant, role))
    asked = {"app_label": "jobs", "model_name": "execution", "field_name": "job", "term": "sought"}
    found = console.get("autocomplete", **asked).json()["results"]
    assert [row["id"] for row in found] == [str(mine[0])] != [str(theirs[0])]
    tenants = console.get("autocomplete", **{**asked, "field_name": "tenant", "term": ""})
    if role == "viewer":
        assert tenants.status_code == 403
    else:
        assert [row["id"] for row in tenants.json()["results"]] == [str(tenant)]
    asked |= {"app_label": "tenants", "model_name": "membership", "field_name": "user"}
    assert console.get("autocomplete", **asked).status_code == 403


def test_a_viewer_who_sends_what_a_list_does_not_offer_changes_nothing() -> None:
    tenant = rows.tenant()
    _, letter = support.failed_execution(rows.job(tenant))
    sent = {"action": "redrive_chosen", "_selected_action": [str(letter)], "confirmed": "1"}
    console = Console(support.member(tenant))
    assert 'name="_selected_action"' not in console.page("jobs_deadletter_changelist")
    console.client.post(support.url("jobs_deadletter_changelist"), sent)
    assert rows.fetch("SELECT state FROM dead_letter WHERE id = %s", letter) == [("open",)]
    Console(support.member(tenant, "runner")).client.post(support.url("jobs_deadletter_changelist"), sent)
    assert rows.fetch("SELECT state FROM dead_letter WHERE id = %s", letter) == [("redriven",)]
