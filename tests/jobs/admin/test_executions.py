"""The list of executions and the page of one."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse

from jobs.admin import execution_page
from jobs.rules import identity
from tests.support import artifacts, rows
from tests.support import console as support
from tests.support.actors import platform
from tests.support.console import Console
from tests.support.workflows import Jobs


def _listed(console: Console, **query: Any) -> list[Any]:
    answer = console.get("jobs_execution_changelist", **query)
    assert answer.status_code == 200
    return [row.pk for row in answer.context["cl"].result_list]


def test_a_list_is_filtered_by_state_trigger_tenant_and_job(console: Console) -> None:
    job, tenant = mine = rows.job()
    failed = rows.execution(mine, "failed", trigger="replay")
    running = rows.execution(mine, "running")
    elsewhere = rows.execution(rows.job(), "failed")
    assert _listed(console, job__id__exact=str(job)) == sorted([running, failed], reverse=True)
    assert _listed(console, tenant__id__exact=str(tenant), state__exact="failed") == [failed]
    assert _listed(console, tenant__id__exact=str(tenant), trigger__exact="replay") == [failed]
    assert {failed, elsewhere} <= set(_listed(console, state__exact="failed"))


def test_what_failed_or_was_skipped_lately_is_one_filter(console: Console) -> None:
    job, _ = mine = rows.job()
    failed, skipped = rows.execution(mine, "failed"), rows.execution(mine, "skipped")
    rows.execution(mine, "succeeded")
    rows.execution(mine, "failed", id=identity.request_id(rows.now() - timedelta(hours=2)))
    assert set(_listed(console, job__id__exact=str(job), troubled="1")) == {failed, skipped}
    assert len(_listed(console, job__id__exact=str(job), troubled="24")) == 3


def test_an_artifact_is_saved_and_never_shown(console: Console) -> None:
    _, tenant = mine = rows.job()
    execution = rows.execution(mine, "succeeded")
    assert "Artifacts" not in console.page("jobs_execution_change", execution)
    name = "täglich <b>1.html"
    artifacts.kept(tenant, execution, b"<script>1</script>", name=name, content_type="text/html")
    artifacts.kept(tenant, execution, name="old.csv", expires_at=rows.now() - timedelta(seconds=1))
    page = console.page("jobs_execution_change", execution)
    (address,) = re.findall(r'href="([^"]+/artifacts/[^"]+)"', page)  # the one whose time is over has no link
    answer = console.client.get(address)
    assert (answer.status_code, b"".join(answer.streaming_content)) == (200, b"<script>1</script>")
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment; filename")
    assert answer["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert (answer["X-Content-Type-Options"], answer["Cross-Origin-Resource-Policy"]) == ("nosniff", "same-origin")
    for gone in ("old.csv", "nothing.csv"):
        assert console.client.get(reverse("admin:jobs_execution_artifact", args=[execution, gone])).status_code == 302


def test_an_artifact_is_of_whoever_may_read_payloads(console: Console) -> None:
    _, tenant = mine = rows.job()
    execution = rows.execution(mine, "succeeded")
    artifacts.kept(tenant, execution, name="report.csv")
    viewer, stranger = Console(support.member(tenant)), Console(support.member(rows.tenant(), "admin"))
    address = reverse("admin:jobs_execution_artifact", args=[execution, "report.csv"])
    assert address not in viewer.page("jobs_execution_change", execution)
    assert viewer.client.get(address).status_code == 403
    assert stranger.client.get(address).status_code == 302
    assert console.client.get(address).status_code == 200


def test_a_filter_by_what_is_no_id_shows_everything(console: Console) -> None:
    answer = console.get("jobs_execution_changelist", job__id__exact="nonsense")
    assert answer.status_code == 302
    assert answer["Location"].endswith("?e=1")


def test_a_list_of_the_last_hour_leaves_older_ones_out(console: Console) -> None:
    job, _ = mine = rows.job()
    now = rows.now()
    recent = rows.execution(mine, id=identity.request_id(now - timedelta(minutes=59)))
    rows.execution(mine, id=identity.request_id(now - timedelta(minutes=61)))
    assert _listed(console, job__id__exact=str(job), hours="1") == [recent]
    assert len(_listed(console, job__id__exact=str(job), hours="24")) == 2


def test_an_execution_is_found_by_its_whole_id_and_by_nothing_else(console: Console) -> None:
    execution = rows.execution(rows.job())
    assert _listed(console, q=str(execution)) == [execution]
    assert _listed(console, q=str(execution)[:8]) == []


def test_a_page_shows_state_error_attempts_log_payload_and_result(console: Console) -> None:
    job = rows.job(payload={"duration_seconds": 3})
    execution, letter = support.failed_execution(job)
    rows.change("UPDATE execution SET result = '{\"answer\": 42}' WHERE id = %s", execution)
    support.log(execution, job[1], ["first <script>alert(1)</script>", "second"])
    page = console.page("jobs_execution_change", execution)
    text = support.text_of(page)
    for expected in (
        "failed",
        "EXECUTION_FAILED",
        "w@test",
        "second",
        "10:00:00.123",
        "answer",
        "duration_seconds",
        str(execution),
    ):
        assert expected in text
    assert support.url("jobs_deadletter_change", letter) in page
    assert "<script>alert" not in page
    assert "<b>the answer" not in page


def test_overrides_go_over_the_revisions_payload(console: Console) -> None:
    execution = rows.execution(
        rows.job(payload={"duration_seconds": 3, "output_bytes": 1}), payload={"duration_seconds": 9}
    )
    answer = console.get("jobs_execution_change", execution)
    assert answer.context["payload"] == {"duration_seconds": 9, "output_bytes": 1}
    assert answer.context["overridden"] == ["duration_seconds"]


def test_a_replay_shows_what_it_replays(console: Console) -> None:
    former = uuid4()
    page = console.page("jobs_execution_change", rows.execution(rows.job(), trigger="replay", replay_of=former))
    assert support.url("jobs_execution_change", former) in page


def test_a_folded_row_shows_how_many_slots_it_stands_for(console: Console) -> None:
    first, last = datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC)
    job = rows.job()
    execution = rows.execution(
        job,
        "skipped",
        trigger="schedule",
        schedule_id=rows.schedule(job),
        scheduled_for=first,
        folded_until=last,
        folded_count=1440,
    )
    text = support.text_of(console.page("jobs_execution_change", execution))
    assert "1440 slots – 2026-11-20 00:00:00 UTC – 2026-11-21 00:00:00 UTC" in text


def test_only_what_has_not_ended_asks_again_by_itself(console: Console) -> None:
    job = rows.job()
    assert "every 2s" in console.page("jobs_execution_change", rows.execution(job, "running"))
    assert "every 2s" not in console.page("jobs_execution_change", rows.execution(job, "succeeded"))


@pytest.mark.usefixtures("console")
def test_the_tail_of_a_log_is_its_last_lines_in_order() -> None:
    job = rows.job()
    execution = rows.execution(job, "running")
    for chunk in range(3):
        support.log(
            execution, job[1], [f"line {n}" for n in range(chunk * 200, chunk * 200 + 200)], first=chunk * 200 + 1
        )
    with platform():
        lines, cut = execution_page.log_tail(execution)
    assert [line["message"] for line in lines] == [f"line {n}" for n in range(100, 600)]
    assert cut


def test_cancel_ends_a_waiting_execution(console: Console) -> None:
    execution = rows.execution(rows.job(), "pending")
    console.pressed("jobs_execution_cancel", execution)
    assert rows.state_of(execution) == "cancelled"


def test_cancel_asks_a_running_execution(console: Console) -> None:
    execution = rows.execution(rows.job(), "running")
    assert console.pressed("jobs_execution_cancel", execution) == support.url("jobs_execution_change", execution)
    assert rows.state_of(execution) == "running"
    assert "cancel asked for" in support.text_of(console.page("jobs_execution_change", execution))


def test_replay_leads_to_the_new_execution(console: Console) -> None:
    former = rows.execution(rows.job(), "failed", payload={"duration_seconds": 1})
    leads_to = console.pressed("jobs_execution_replay", former, payload='{"output_bytes": 5}')
    new = leads_to.split("/")[-3]
    assert rows.fetch("SELECT trigger, replay_of, payload, triggered_by FROM execution WHERE id = %s", new) == [
        ("replay", former, {"duration_seconds": 1, "output_bytes": 5}, f"user:{console.user.email}")
    ]


def test_replay_with_downstream_begins_a_workflow_run(console: Console) -> None:
    jobs = Jobs()
    jobs.edges("extract>load")
    for ticked, begun in (({}, 0), ({"with_downstream": "on"}, 1)):
        former = rows.execution(jobs["extract"], "failed")
        new = console.pressed("jobs_execution_replay", former, payload="{}", **ticked).split("/")[-3]
        found = rows.fetch("SELECT count(*) FROM workflow_run WHERE root_execution_id = %s", new)
        assert found == [(begun,)]


def test_replay_with_a_payload_the_type_refuses_says_which_field(console: Console) -> None:
    answer = console.press("jobs_execution_replay", rows.execution(rows.job(), "failed"), payload='{"nope": 1}')
    assert support.problems(answer) == [
        "payload.nope: unknown field; known are duration_seconds, fail_rate, fail_until_attempt, output_bytes, result"
    ]


def test_a_page_says_what_an_execution_waits_for(console: Console) -> None:
    job = rows.job(rows.tenant(state="suspended"))
    page = console.page("jobs_execution_change", rows.execution(job, "pending"))
    assert "TENANT_SUSPENDED" in page
    assert "Activate the tenant" in page


def test_a_parked_ones_key_is_on_its_page_and_its_cap_in_the_list(console: Console) -> None:
    job = rows.job()
    parked = {"concurrency_key": "customer:17", "waiting_on": f"key:{job[1]}:customer:17"}
    execution = rows.execution(job, "pending", **parked)
    assert "customer:17" in console.page("jobs_execution_change", execution)
    assert "KEY_CAP" in console.page("jobs_execution_changelist", tenant__id__exact=str(job[1]))
