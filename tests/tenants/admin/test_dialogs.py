"""Buttons: a GET asks and does nothing, a POST needs its token, a refusal is shown where it was asked for."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib import admin
from unfold.admin import ModelAdmin

from tenants.admin import dialogs
from tests.support import console as support
from tests.support import rows
from tests.support.console import Console


def buttons() -> Iterator[tuple[str, str]]:
    """(model's label, name) of every button of the console."""
    for model, page in admin.site._registry.items():
        for name in page._extract_action_names(page.actions_detail):
            yield model._meta.label_lower, name


def _name(label: str, button: str) -> str:
    return f"{label.replace('.', '_')}_{button}"


def test_there_are_buttons() -> None:
    assert len(list(buttons())) > 20


def test_every_button_only_asks_when_it_is_looked_at(console: Console) -> None:
    furniture = support.furnish()
    before = support.contents()
    for label, name in buttons():
        page = console.page(_name(label, name), furniture[label])
        assert 'id="dialog"' in page, name
        assert 'method="post"' in page, name
    assert support.contents() == before


def test_every_button_refuses_a_post_without_its_token() -> None:
    furniture = support.furnish()
    careful = Console(csrf=True)
    before = support.contents()
    for label, name in buttons():
        answer = careful.press(
            _name(label, name), furniture[label], name="x", role="viewer", password="a long enough one"
        )
        assert answer.status_code == 403, name
    assert support.contents() == before


def test_every_action_of_the_theme_has_a_dialog() -> None:
    for page in admin.site._registry.values():
        assert isinstance(page, ModelAdmin)
        assert not page.actions_row
        assert not page.actions_list
        assert not page.actions_submit_line
        for name in page._extract_action_names(page.actions_detail):
            assert isinstance(getattr(page, name).dialog, dialogs.Question)


def test_other_methods_are_refused(console: Console) -> None:
    job, _ = rows.job()
    assert console.client.put(support.url("jobs_job_pause", job)).status_code == 405


def test_a_refusal_is_shown_in_the_dialog(console: Console) -> None:
    job, _ = rows.job(state="paused")
    answer = console.press("jobs_job_pause", job)
    assert answer.status_code == 200
    assert "pause is not possible" in support.text_of(answer.content.decode())


def test_only_buttons_that_make_sense_are_offered(console: Console) -> None:
    job, _ = rows.job(state="paused")
    page = console.page("jobs_job_change", job)
    assert support.url("jobs_job_resume", job) in page
    assert support.url("jobs_job_pause", job) not in page


def test_a_script_is_told_where_to_go_by_a_header(console: Console) -> None:
    job, _ = rows.job()
    answer = console.client.post(support.url("jobs_job_pause", job), headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert answer["HX-Redirect"] == support.url("jobs_job_change", job)


def test_a_button_of_a_row_that_is_gone_leads_to_the_list(console: Console) -> None:
    answer = console.press("jobs_job_pause", "01a1fbd5-7952-73ce-80d2-38c3b3b6e01a")
    assert answer["Location"] == support.url("jobs_job_changelist")
