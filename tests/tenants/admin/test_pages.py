"""Every address of the console: looking changes nothing. Who may open which: tests/architecture/test_console_matrix.py."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.test import Client

from tests.support import console as support
from tests.support import console_routes
from tests.support.console import Console, Furniture


def paths(furniture: Furniture) -> list[str]:
    """Every address of the console, of rows that are there."""
    return [route.at(furniture.keys.get(route.model, 1)) for route in console_routes.ALL]


def test_looking_at_every_page_changes_nothing(console: Console) -> None:
    furniture = support.furnish()
    addresses = paths(furniture)
    assert len(addresses) > 80
    before = support.contents()

    answers = {address: console.client.get(address).status_code for address in addresses}

    assert support.contents() == before
    assert {address: code for address, code in answers.items() if code not in {200, 302, 403, 404, 405}} == {}
    assert list(answers.values()).count(200) > 50


def test_every_list_and_every_row_has_a_page(console: Console) -> None:
    furniture = support.furnish()
    for model in admin.site._registry:
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        console.page(f"{name}_changelist")
        page = console.page(f"{name}_change", furniture[model._meta.label_lower])
        assert "console" in page


def test_strangers_are_sent_to_the_log_in() -> None:
    furniture = support.furnish()
    stranger = Client()
    for name, key in (("jobs_job_change", furniture["jobs.job"]), ("jobs_job_run_now", furniture["jobs.job"])):
        answer = stranger.get(support.url(name, key))
        assert answer.status_code == 302
        assert answer["Location"].startswith("/admin/login/")


def test_a_row_that_is_gone_leads_back_to_its_list(console: Console) -> None:
    answer = console.get("jobs_job_change", "01a1fbd5-7952-73ce-80d2-38c3b3b6e01a")
    assert answer.status_code == 302
    assert answer["Location"] == support.url("jobs_job_changelist")


def test_history_is_the_audit_trail(console: Console) -> None:
    furniture = support.furnish()
    answer = console.get("jobs_job_history", furniture["jobs.job"])
    assert answer["Location"].endswith(f"auditevent/?object_type=job&object_id={furniture['jobs.job']}")
    assert console.client.get(answer["Location"]).status_code == 200


@pytest.mark.parametrize("address", ["/admin/", "/admin/login/", "/admin/jobs/execution/"])
def test_console_pages_carry_their_own_policy(console: Console, address: str) -> None:
    policy = console.client.get(address)["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "script-src 'self' 'unsafe-eval'" in policy
    assert "default-src 'none'" in policy


def test_other_pages_do_not_carry_the_consoles_policy() -> None:
    assert "Content-Security-Policy" not in Client().get("/health/live")
