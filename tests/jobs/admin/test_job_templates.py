"""Job templates at the console: begun with the gallery, tried, and made a job of from a form."""

from __future__ import annotations

import json

import pytest

from jobs import gallery
from tests.support import console as support
from tests.support import rows
from tests.support.console import Console

pytestmark = pytest.mark.usefixtures("empty_database")


@pytest.fixture
def console() -> Console:
    return Console()


def test_a_template_begins_with_the_gallery_s_and_is_stored_as_one_s_own(console: Console) -> None:
    page = console.page("jobs_jobtemplate_add", **{"from": "twitch-channel-update"})
    assert "channel:manage:broadcast" in page
    assert all(name in page for name in gallery.entries())
    entry = gallery.entries()["cache-refresh"]
    fields = {"tenant": str(rows.tenant()), "name": "mine", "active": "on"}
    fields |= {"parameters": json.dumps(entry.parameters), "body": json.dumps({**entry.body, "queue": "<<lost>>"})}
    refused = console.client.post(support.url("jobs_jobtemplate_add"), fields)
    assert "body.queue: there is no parameter named 'lost'" in " ".join(support.problems(refused))
    made = console.client.post(support.url("jobs_jobtemplate_add"), fields | {"body": json.dumps(entry.body)})
    assert made.status_code == 302, support.problems(made)
    assert rows.fetch("SELECT name, parameters FROM job_template") == [("mine", entry.parameters)]


def test_its_parameters_are_a_form_that_previews_and_makes_a_job(console: Console) -> None:
    key = support.job_template(rows.tenant())
    assert "seconds" in support.text_of(console.page("jobs_jobtemplate_change", key))
    shown = console.press("jobs_jobtemplate_preview", key, seconds="7", Name="the job")
    assert "the job" in support.text_of(shown.content.decode())
    assert "duration_seconds&quot;: 7" in shown.content.decode()
    assert rows.fetch("SELECT count(*) FROM job") == [(0,)]
    rows.change(
        "UPDATE job_template SET parameters = jsonb_set(parameters, '{properties,seconds,description}', '\"<b id=mine>\"')"
    )
    assert "&lt;b id=mine&gt;" in console.page("jobs_jobtemplate_make", key)
    assert "<b id=mine>" not in console.page("jobs_jobtemplate_change", key) + console.page(
        "jobs_jobtemplate_make", key
    )
    refused = console.press("jobs_jobtemplate_make", key, seconds="70")
    assert support.problems(refused) == ["must be at most 9"]
    console.pressed("jobs_jobtemplate_make", key, seconds="", Name="")
    assert rows.fetch("SELECT name, payload FROM job") == [("of a template", {"duration_seconds": 1})]


def test_an_edit_makes_a_version_and_one_that_is_not_active_makes_nothing(console: Console) -> None:
    key = support.job_template(rows.tenant())
    console.pressed("jobs_jobtemplate_edit", key, name="other", parameters="{}", body='{"type": "dummy"}')
    assert rows.fetch("SELECT name, active, version FROM job_template") == [("other", False, 2)]
    refused = console.press("jobs_jobtemplate_make", key, Name="x")
    assert "is not active" in refused.content.decode()
    console.pressed("jobs_jobtemplate_delete", key, because="")
    assert rows.fetch("SELECT count(*) FROM job_template") == [(0,)]
