"""Maintenance windows at the console: made, changed, ended early, deleted, and told of on what they hold."""

from __future__ import annotations

from datetime import timedelta

from tests.support import console as support
from tests.support import rows, shut
from tests.support.console import Console

HOUR = timedelta(hours=1)


def test_one_is_made_for_a_job_and_marks_what_it_holds(console: Console) -> None:
    job, tenant = rows.job()
    name = rows.fetch("SELECT name FROM job WHERE id = %s", job)[0][0]
    until = (rows.now() + HOUR).strftime("%Y-%m-%d %H:%M")
    given = {
        "tenant": str(tenant), "scope": "job", "job": name, "reason": "The database moves.", "action": "hold",
        "ends_at": until,
    }  # fmt: skip
    answer = console.client.post(support.url("jobs_maintenancewindow_add"), given)
    assert answer.status_code == 302, support.problems(answer)
    window, opened = rows.fetch("SELECT id, opens_at <= now() FROM maintenance_window WHERE job_id = %s", job)[0]
    assert opened
    page = support.text_of(console.page("jobs_maintenancewindow_change", window))
    assert "in force" in page
    assert "maintenance window is open, so nothing of it starts" in support.text_of(
        console.page("jobs_job_change", job)
    )
    listed = console.page("jobs_maintenancewindow_changelist", tenant__id__exact=str(tenant))
    assert "The database moves." in support.text_of(listed)


def test_what_is_missing_is_refused_beside_its_field(console: Console) -> None:
    tenant = rows.tenant()
    given = {"tenant": str(tenant), "scope": "job", "job": "nobody", "reason": "r", "action": "hold"}
    answer = console.client.post(support.url("jobs_maintenancewindow_add"), given)
    assert answer.status_code == 200
    assert "there is no job of this name" in answer.content.decode()
    given = {"scope": "tenant", "reason": "r", "action": "hold"}
    assert "is required" in console.client.post(support.url("jobs_maintenancewindow_add"), given).content.decode()


def test_one_is_changed_ended_and_deleted(console: Console) -> None:
    window = shut.maintenance(rows.tenant())
    form = console.get("jobs_maintenancewindow_edit", window).context["form"]
    console.pressed("jobs_maintenancewindow_edit", window, **{**_texts(form.initial), "reason": "Another."})
    assert rows.fetch("SELECT reason FROM maintenance_window WHERE id = %s", window) == [("Another.",)]
    console.pressed("jobs_maintenancewindow_end", window)
    assert rows.fetch("SELECT opens_at FROM maintenance_window WHERE id = %s", window) == [(None,)]
    console.pressed("jobs_maintenancewindow_delete", window)
    assert rows.fetch("SELECT deleted_at IS NULL FROM maintenance_window WHERE id = %s", window) == [(False,)]


def _texts(values: dict[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items() if value not in (None, False)}


def test_a_slot_that_fell_into_a_window_names_it_also_when_that_is_deleted(console: Console) -> None:
    job = rows.job()
    at = rows.now() - HOUR / 2
    shut.maintenance(job[1], action="skip", created_at=at - HOUR, reason="The database moves.")
    shut.maintenance(job[1], opens_at=at - 2 * HOUR, closes_at=at - HOUR, created_at=at - 3 * HOUR, reason="Earlier.")
    shut.maintenance(rows.tenant(), created_at=at - HOUR, reason="Another's.")
    skipped = rows.execution(
        job, "skipped", reason="BLACKOUT", trigger="schedule", schedule_id=rows.schedule(job), scheduled_for=at
    )
    for _ in range(2):
        text = support.text_of(console.page("jobs_execution_change", skipped))
        assert "the window says: The database moves" in text
        assert "Earlier" not in text
        assert "Another" not in text
        rows.change(
            "UPDATE maintenance_window SET deleted_at = now(), opens_at = NULL, closes_at = NULL WHERE tenant_id = %s",
            job[1],
        )
