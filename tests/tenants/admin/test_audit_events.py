"""The audit trail at the console."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.support import console as support
from tests.support import rows, trail
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


def listed(console: Console, **query: Any) -> list[Any]:
    """The rows of the list."""
    answer = console.get("tenants_auditevent_changelist", **query)
    assert answer.status_code == 200
    return [row.pk for row in answer.context["cl"].result_list]


@pytest.mark.usefixtures("empty_database")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"actor": "system"}, 2),
        ({"actor": "user:x"}, 0),
        ({"action": "job.updated"}, 1),
        ({"object_type": "queue"}, 1),
        ({"object_type": "queue", "action": "job.updated"}, 0),
        ({"from": "2020-01-01", "until": "2199-12-31"}, 2),
        ({"from": "2199-12-31"}, 0),
        ({"until": "2020-01-01"}, 0),
    ],
)
def test_the_list_is_narrowed_by_who_what_and_when(query: dict[str, str], found: int) -> None:
    tenant = trail.tenant()
    trail.write(tenant)
    trail.write(tenant, action="queue.paused", object_type="queue")
    assert len(listed(Console(), **query)) == found


def test_today_holds_what_was_done_today(console: Console) -> None:
    (event,) = trail.write(trail.tenant())
    today = rows.now().date()
    assert event in listed(console, **{"from": today, "until": today})
    assert event not in listed(console, until=today - timedelta(days=1))


def test_a_day_that_is_none_leads_back_to_the_list(console: Console) -> None:
    assert console.get("tenants_auditevent_changelist", **{"from": "soon"}).status_code == 302


def test_a_change_is_shown_field_by_field_and_its_text_is_no_markup(console: Console) -> None:
    changes = {"name": ["<i>old</i>", "new"], "retry": [None, {"jitter": True}], "payload": ["url"], "count": 3}
    (event,) = trail.write(trail.tenant(), changes=changes)
    page = console.page("tenants_auditevent_change", event)
    text = support.text_of(page)
    for words in ("name &lt;i&gt;old&lt;/i&gt; new", "payload not shown changed: url", "count – 3", "unsealed"):
        assert words in text, words
    assert "<i>old</i>" not in page
    trail.seal()
    assert "sealed" in support.text_of(console.page("tenants_auditevent_change", event))
    assert "unsealed" not in support.text_of(console.page("tenants_auditevent_change", event))


def export(console: Console, form: str, **query: Any) -> Any:
    return console.client.post(
        support.url("tenants_auditevent_export") + "?" + "&".join(f"{k}={v}" for k, v in query.items()), {"form": form}
    )


@pytest.mark.usefixtures("empty_database")
def test_the_list_is_exported_as_it_is_narrowed_and_the_export_is_in_the_trail() -> None:
    console, (one, other) = Console(), (trail.tenant(), trail.tenant())
    trail.sealed(one)
    trail.sealed(other, action="job.deleted")
    before = support.contents()
    assert "job.deleted" in console.page("tenants_auditevent_export", action="job.deleted")
    assert support.contents() == before
    answer = export(console, "ndjson", action="job.deleted")
    head, line, last = map(json.loads, b"".join(answer.streaming_content).splitlines())
    assert (head["filters"], line["event"]["tenant"], last["rows"]) == ({"action": "job.deleted"}, str(other.pk), 1)
    told = rows.fetch("SELECT actor, tenant_id, changes FROM audit_event WHERE action = 'audit_trail.exported'")
    assert told == [(f"user:{console.user.email}", None, {"format": "ndjson", "filters": {"action": "job.deleted"}})]
    everything = b"".join(export(console, "csv").streaming_content).decode().splitlines()
    assert len(everything) == 3


def test_only_the_platforms_people_export(console: Console) -> None:
    other = Console(support.person(superuser=False))
    assert export(other, "csv").status_code in (302, 403)
    assert export(Console(csrf=True), "csv").status_code == 403


def test_the_reason_for_what_cannot_be_undone_is_asked_and_kept(console: Console) -> None:
    name, pk = "tenants_apikey_revoke", support.api_key(rows.tenant())
    assert "For the audit trail" in console.page(name, pk)
    console.pressed(name, pk, because="left the company")
    assert rows.fetch("SELECT reason FROM audit_event WHERE object_id = %s", str(pk)) == [("left the company",)]


def test_a_reason_with_control_characters_is_refused(console: Console) -> None:
    pk = support.api_key(rows.tenant())
    answer = console.press("tenants_apikey_revoke", pk, because="a\x07b")
    assert support.problems(answer) == ["must not hold control characters"]
