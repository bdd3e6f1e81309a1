"""Logging in and out, and what a session is good for."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from tenants.console import sessions
from tests.support import console as support
from tests.support import console_routes, rows
from tests.support.console import Console

PASSWORD = "correct horse battery staple"


@pytest.fixture
def member() -> Any:
    """Somebody with a password, in a tenant."""
    user = support.person(superuser=False, password=PASSWORD)
    return support.member(rows.tenant(), of=user)


def _log_in(client: Client, user: Any, password: str = PASSWORD) -> Any:
    return client.post("/admin/login/", {"username": user.email, "password": password})


def test_a_member_logs_in_and_the_session_is_a_new_one(member: Any) -> None:
    client = Client()
    client.get("/admin/login/")
    session = client.session
    session["planted"] = "by somebody else"
    session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = planted = session.session_key
    answer = _log_in(client, member)
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    assert client.session.session_key != planted
    assert client.get("/admin/").status_code == 200
    stale = Client()
    stale.cookies[settings.SESSION_COOKIE_NAME] = planted
    assert stale.get("/admin/").status_code == 302


def test_a_wrong_password_and_an_unknown_address_are_told_the_same(member: Any) -> None:
    wrong = _log_in(Client(), member, "not the password").context["form"].errors
    member.email = "nobody@example.com"
    assert _log_in(Client(), member).context["form"].errors == wrong
    assert "staff" not in str(wrong)


def test_who_may_not_log_in_does_not(member: Any) -> None:
    rows.change("UPDATE person SET is_active = false WHERE id = %s", member.pk)
    assert _log_in(Client(), member).status_code == 200


def test_a_session_ends_at_the_next_click_of_somebody_who_is_disabled(member: Any) -> None:
    console = Console(member)
    assert console.get("jobs_job_changelist").status_code == 200
    rows.change("UPDATE person SET is_active = false WHERE id = %s", member.pk)
    assert console.get("jobs_job_changelist")["Location"].startswith("/admin/login/")
    live = console.client.get(support.url("index"), headers={"HX-Request": "true"})
    assert live["HX-Redirect"].startswith("/admin/login/")


def test_a_new_password_ends_the_sessions_there_are(member: Any, console: Console) -> None:
    theirs = Console(member)
    console.pressed("tenants_user_password", member.pk, password="another long one")
    assert theirs.get("index")["Location"].startswith("/admin/login/")


def test_logging_out_ends_the_session_and_takes_a_post(member: Any) -> None:
    console = Console(member)
    key = console.client.session.session_key
    assert console.get("logout").status_code == 405
    assert console.get("index").status_code == 200
    assert console.client.post(support.url("logout")).status_code == 200
    assert rows.fetch("SELECT 1 FROM django_session WHERE session_key = %s", sessions.stored(key)) == []
    assert console.get("index")["Location"].startswith("/admin/login/")


def test_who_reads_the_table_of_sessions_is_logged_in_as_nobody(member: Any) -> None:
    """Such as from a backup, or with the engine's log-in, which sweeps what has ended."""
    console = Console(member)
    key = console.client.session.session_key
    kept = rows.fetch("SELECT session_key FROM django_session WHERE session_key = %s", sessions.stored(key))
    assert len(kept) == 1
    assert rows.fetch("SELECT 1 FROM django_session s WHERE s::text LIKE %s", f"%{key}%") == []
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = kept[0][0]
    assert thief.get("/admin/").status_code == 302
    assert console.get("index").status_code == 200


def test_a_session_is_over_after_its_time(member: Any) -> None:
    console = Console(member)
    key = sessions.stored(console.client.session.session_key)
    rows.change("UPDATE django_session SET expire_date = now() WHERE session_key = %s", key)
    assert console.get("index")["Location"].startswith("/admin/login/")


def test_people_change_their_own_password_knowing_the_old_one(member: Any) -> None:
    console = Console(member)
    given = {"new_password1": "yet another long one", "new_password2": "yet another long one"}
    url = support.url("password_change")
    assert "old_password" in console.client.post(url, {**given, "old_password": "guess"}).context["form"].errors
    assert console.client.post(url, {**given, "old_password": PASSWORD}).status_code == 302
    assert console.get("index").status_code == 200, "their own session goes on"


def test_every_post_asks_for_the_token_that_forged_ones_lack() -> None:
    furniture = support.furnish()
    console = Console(csrf=True)
    before = support.contents()
    for route in console_routes.ALL:
        answer = console.client.post(route.at(furniture.keys.get(route.model, 1)))
        # Django's old addresses of rows only lead to their pages.
        assert answer.status_code == 403 or not route.name, route
    assert support.contents() == before


def test_cookies_are_the_browsers_alone(member: Any) -> None:
    client = Client()
    page = client.get("/admin/login/")
    answer = _log_in(client, member)
    session = answer.cookies[settings.SESSION_COOKIE_NAME]
    assert session["httponly"]
    assert session["samesite"] == "Lax"
    assert page.cookies[settings.CSRF_COOKIE_NAME]["samesite"] == "Lax"


@pytest.mark.parametrize("setting", ["SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE"])
def test_behind_https_cookies_travel_by_it_alone(setting: str) -> None:
    import subprocess
    import sys

    from scheduler_project.env import ROOT

    code = f"from scheduler_project import settings; print(settings.{setting})"
    said = {}
    for scheme in ("http", "https"):
        environment = {"CARILLON_URL": f"{scheme}://carillon.example", "PATH": "/usr/bin"}
        run = [sys.executable, "-c", code]
        said[scheme] = subprocess.run(run, env=environment, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    assert said == {"http": "False\n", "https": "True\n"}


@pytest.mark.parametrize("name", ["index", "tenant", "jobs_job_changelist", "tenants_user_changelist"])
def test_no_page_is_framed_or_kept_by_caches(member: Any, name: str) -> None:
    answer = Console(member).get(name)
    assert answer["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
    assert "no-store" in answer["Cache-Control"]
    assert "Cookie" in answer["Vary"]
