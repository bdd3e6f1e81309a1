"""The audit trail at the console."""

from __future__ import annotations

from tests.support import console as support
from tests.support import rows
from tests.support.console import Console


def test_what_an_operator_did_is_in_the_trail_of_the_object(console: Console) -> None:
    job, _ = rows.job()
    console.pressed("jobs_job_pause", job)
    answer = console.client.get(support.url("jobs_job_history", job), follow=True)
    (event,) = answer.context["cl"].result_list
    assert (event.action, event.actor) == ("job.paused", f"user:{console.user.email}")
    text = support.text_of(console.page("tenants_auditevent_change", event.pk))
    assert "127.0.0.1" in text
    assert "paused" in text


def test_an_event_is_found_by_the_id_of_what_was_changed(console: Console) -> None:
    event = support.audit_event(rows.tenant())
    ((changed,),) = rows.fetch("SELECT object_id FROM audit_event WHERE id = %s", event)
    found = console.get("tenants_auditevent_changelist", q=changed).context["cl"].result_list
    assert [row.pk for row in found] == [event]


def test_a_change_of_the_platform_itself_has_a_page(console: Console) -> None:
    assert "the platform itself" in console.page("tenants_auditevent_change", support.audit_event(None))
