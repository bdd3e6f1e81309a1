"""A job's revisions at the console: listed, two beside each other, and back to one with a reason."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.support import console as support
from tests.support import rows
from tests.support.console import Console


def revised(count: int, **columns: Any) -> Any:
    """A job at that revision; its payload tells the number."""
    job, tenant = rows.job(revision=count, payload={"duration_seconds": count}, timeout_seconds=60, **columns)
    rows.change(
        "UPDATE job_revision SET spec = jsonb_set(spec, '{payload}', '{\"duration_seconds\": 1}') WHERE job_id = %s",
        job,
    )
    for number in range(2, count + 1):
        spec = {"type": "dummy", "payload": {"duration_seconds": number}, "timeout_seconds": 60, "retry": {}}
        rows.insert(
            "job_revision", id=uuid4(), tenant_id=tenant, job_id=job, number=number, spec=spec, created_at=rows.now(), created_by="user:a@example.com",
        )  # fmt: skip
    return job, tenant


def test_a_job_with_one_revision_has_nothing_to_compare_or_to_go_back_to(console: Console) -> None:
    job, _ = rows.job()
    page = console.page("jobs_job_change", job)
    assert support.url("jobs_job_revisions", job) not in page
    assert support.url("jobs_job_rollback", job) not in page
    assert "Nothing: a run reads the same in both." in console.page("jobs_job_revisions", job)


def test_the_newest_are_listed_and_any_two_can_be_compared(console: Console) -> None:
    job, _ = revised(25)
    page = support.text_of(console.page("jobs_job_change", job))
    assert "the newest 20 of 25" in page
    assert "25 ·" in page
    assert "Roll back to 24" in page
    compared = support.text_of(console.page("jobs_job_revisions", job, one=2, other=25))
    assert "payload.duration_seconds changed 2 25" in compared
    assert "in force" in compared
    assert "payload.duration_seconds changed 24 25" in support.text_of(console.page("jobs_job_revisions", job))


def test_of_two_long_texts_is_shown_where_they_differ(console: Console) -> None:
    job, _ = revised(2)
    for number in (1, 2):
        text = rows.json.dumps("x" * 5000 + f"end {number}")
        rows.change(
            "UPDATE job_revision SET spec = jsonb_set(spec, '{payload,result}', %s) WHERE job_id = %s AND number = %s", text, job, number
        )  # fmt: skip
    page = support.text_of(console.page("jobs_job_revisions", job))
    assert "end 1" in page
    assert "end 2" in page
    assert "x" * 61 not in page


@pytest.mark.parametrize("wrong", ["0", "26", "-1", "x", "", "9" * 40, "1\0", "²"])
def test_a_revision_that_is_not_there_is_told_on_the_page(console: Console, wrong: str) -> None:
    job, _ = revised(25)
    answer = console.get("jobs_job_revisions", job, one=wrong, other=1)
    assert answer.status_code == 200
    assert 'role="alert"' in answer.content.decode()


def test_going_back_makes_a_new_revision_and_keeps_the_reason(console: Console) -> None:
    job, _ = revised(3)
    form = console.get("jobs_job_rollback", job, revision="1")
    assert 'value="1"' in form.content.decode()
    console.pressed("jobs_job_rollback", job, revision="1", because="it was better")
    assert rows.fetch("SELECT revision, payload FROM job WHERE id = %s", job) == [(4, {"duration_seconds": 1})]
    told = rows.fetch(
        "SELECT action, reason, changes->'as_of_revision' FROM audit_event WHERE object_id = %s", str(job)
    )
    assert told == [("job.rolled_back", "it was better", [3, 1])]


def test_a_refusal_is_told_in_the_dialog(console: Console) -> None:
    job, _ = revised(2)
    assert "no revision 9" in support.problems(console.press("jobs_job_rollback", job, revision="9"))[0]
    rows.change(
        "UPDATE job_revision SET spec = jsonb_set(spec, '{type}', '\"gone\"') WHERE job_id = %s AND number = 1", job
    )
    problems = support.problems(console.press("jobs_job_rollback", job, revision="1"))
    assert any("gone" in text for text in problems), problems
    assert rows.fetch("SELECT revision FROM job WHERE id = %s", job) == [(2,)]


def test_who_may_see_no_payload_sees_that_it_differs_and_no_way_back() -> None:
    job, tenant = revised(3)
    viewer = Console(support.member(tenant, "viewer"))
    page = support.text_of(viewer.page("jobs_job_revisions", job, one=1, other=3))
    assert "payload changed" in page
    assert "duration_seconds" not in page
    assert "roll back" not in page.lower()
    assert "Roll back" not in viewer.page("jobs_job_change", job)
    assert viewer.press("jobs_job_rollback", job, revision="1").status_code == 403
