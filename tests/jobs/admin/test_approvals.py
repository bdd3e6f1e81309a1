"""Approvals at the console: the list, the page of one, and where executions and runs show them."""

from __future__ import annotations

import pytest

from tests.support import approvals, rows, workflow_runs
from tests.support import console as support
from tests.support.console import Console


def test_what_waits_comes_first_and_each_leads_to_its_page(console: Console) -> None:
    tenant = rows.tenant()
    waits = approvals.waiting(tenant, question="Deploy <b>now</b>?")
    done = {"state": "rejected", "decided_at": rows.now(), "decided_by": "user:ann@example.com"}
    approvals.waiting(tenant, question="Deploy later?", **done)
    page = console.page("jobs_approval_changelist", tenant__id__exact=str(tenant))
    assert page.index("Waiting for a decision") < page.index("Deploy &lt;b&gt;now") < page.index("Deploy later?")
    assert support.url("jobs_approval_change", waits) in page
    assert "<b>now" not in page
    assert page.count("Deploy &lt;b&gt;now") == 1
    waiting = console.page("jobs_approval_changelist", tenant__id__exact=str(tenant), state__exact="waiting")
    assert waiting.count("Deploy &lt;b&gt;now") == 1
    assert "Waiting for a decision" not in waiting
    elsewhere = console.page("jobs_approval_changelist", tenant__id__exact=str(rows.tenant()))
    assert "Deploy" not in elsewhere
    empty = Console(support.member(rows.tenant(), "runner")).page("jobs_approval_changelist")
    assert "An execution of a job of type approval makes one" in support.text_of(empty)
    assert "Waiting for a decision" not in empty


def test_execution_shows_the_question_and_the_two_buttons_to_who_may_decide(console: Console) -> None:
    tenant = rows.tenant()
    named = support.member(tenant, "runner")
    approval = approvals.waiting(tenant, members=f'["{named.email}"]', not_by_requester=True, requested_by="key:x")
    execution = rows.fetch("SELECT execution_id FROM approval WHERE id = %s", approval)[0][0]
    button = support.url("jobs_approval_approve", approval)
    for who, may in ((Console(named), True), (console, False), (Console(support.member(tenant, "viewer")), False)):
        page = who.page("jobs_execution_change", execution)
        assert f"May be decided by {named.email}, and not by" in support.text_of(page)
        assert (button in page) is may
        assert ("Deploy now?" in page) is (who.user.email in (named.email, console.user.email))
    assert Console(named).pressed("jobs_approval_approve", approval, reason="tested")
    text = support.text_of(Console(named).page("jobs_execution_change", execution))
    assert f"By {named.email}," in text
    assert "user:" not in text
    assert "tested" in text
    assert button not in Console(named).page("jobs_approval_change", approval)


@pytest.mark.parametrize("button", ["approve", "reject"])
def test_who_decides_reads_the_question_where_they_decide(console: Console, button: str) -> None:
    tenant = rows.tenant()
    job = rows.job(tenant, name="release")
    key = support.api_key(tenant)
    by = "key:" + rows.fetch("SELECT key_id FROM api_key WHERE id = %s", key)[0][0]
    approval = approvals.waiting(tenant, of=job, question="Deploy <b>1.4.2</b>?", requested_by=by)
    asked = console.page(f"jobs_approval_{button}", approval)
    assert "Deploy &lt;b&gt;1.4.2&lt;/b&gt;?" in asked
    assert "asked for by API key billing" in support.text_of(asked)
    assert "Job release of" in support.text_of(asked)


def test_its_own_page_offers_each_decision_once_and_names_people_and_keys(console: Console) -> None:
    tenant = rows.tenant()
    key_id = rows.fetch("SELECT key_id FROM api_key WHERE id = %s", support.api_key(tenant))[0][0]
    approval = approvals.waiting(tenant, requested_by=f"key:{key_id}")
    page = console.page("jobs_approval_change", approval)
    assert page.count(support.url("jobs_approval_approve", approval)) == 1
    assert page.count("</span>waiting</span>") == 1
    assert f'class="console-link" href="{support.url("jobs_approval_change", approval)}"' not in page
    assert "API key billing" in page
    assert key_id not in page
    decided = {"state": "approved", "decided_at": rows.now()}
    approvals.waiting(tenant, decided_by=f"key:{key_id}", **decided)
    approvals.waiting(tenant, decided_by="user:ann@example.com", **decided)
    text = support.text_of(console.page("jobs_approval_changelist", tenant__id__exact=str(tenant)))
    assert "API key billing" in text
    assert "user:ann" not in text


def test_rejecting_asks_why_and_who_may_not_is_refused_in_the_dialog(console: Console) -> None:
    tenant = rows.tenant()
    approval = approvals.waiting(tenant, members='["somebody@example.com"]')
    refused = console.press("jobs_approval_reject", approval, reason="no")
    assert "for others to decide" in refused.content.decode()
    mine = approvals.waiting(tenant)
    assert support.problems(console.press("jobs_approval_reject", mine)) == ["This field is required."]
    console.pressed("jobs_approval_reject", mine, reason="not today")
    assert [approvals.state(each) for each in (approval, mine)] == ["waiting", "rejected"]


def test_run_shows_what_its_steps_wait_for(console: Console) -> None:
    tenant = rows.tenant()
    run, made = workflow_runs.chain(tenant, build="succeeded", deploy="blocked")
    job = rows.fetch("SELECT job_id, tenant_id FROM execution WHERE id = %s", made["deploy"])[0]
    approval = approvals.waiting(tenant, of=job, execution=made["deploy"])
    page = console.page("jobs_workflowrun_change", run)
    assert "Deploy now?" in page
    assert support.url("jobs_approval_approve", approval) in page
