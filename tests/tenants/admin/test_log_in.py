"""The console's door: guarded like the API's, and one's own password."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.support import console, people, rows
from tests.support.people import PASSWORD, bearer, quick_hashes  # noqa: F401 - a fixture

pytestmark = pytest.mark.usefixtures("quick_hashes")
LOG_IN, CHANGE = "/admin/login/", "/admin/password_change/"


@pytest.fixture
def person() -> Any:
    return console.person(password=PASSWORD)


@pytest.fixture
def browser() -> Client:
    return Client(REMOTE_ADDR=people.address())


def log_in(browser: Client, person: Any, password: str = PASSWORD) -> Any:
    return browser.post(LOG_IN, {"username": person.email, "password": password})


def test_the_right_password_opens_it_and_the_trail_says_so(browser: Client, person: Any) -> None:
    assert log_in(browser, person)["Location"] == "/admin/"
    assert browser.get("/admin/").status_code == 200
    found = rows.fetch("SELECT actor, changes->'at'->>1 FROM audit_event WHERE object_id = %s", str(person.pk))
    assert found == [(f"user:{person.email}", "console")]


def test_five_wrong_ones_close_it_and_the_page_says_so(browser: Client, person: Any) -> None:
    answers = [log_in(browser, person, "wrong") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 4 + [429] * 2
    assert "Too many failed log-ins" in answers[-1].content.decode()
    assert answers[-1]["Retry-After"] == "900"
    closed = log_in(browser, person)
    assert closed.status_code == 429
    assert "sessionid" not in closed.cookies
    assert log_in(Client(REMOTE_ADDR=people.address()), person).status_code == 302


def test_what_was_tried_at_the_api_counts_at_the_console(browser: Client, person: Any) -> None:
    somebody = people.Person(person, browser.defaults["REMOTE_ADDR"])
    for _ in range(5):
        somebody.log_in("wrong")
    assert log_in(browser, person).status_code == 429


def test_an_unknown_account_is_answered_like_a_known_one(browser: Client, person: Any) -> None:
    def told(email: str) -> list[str]:
        answer = browser.post(LOG_IN, {"username": email, "password": "wrong"})
        return [str(answer.status_code), *console.problems(answer)]

    for _ in range(6):
        assert told(person.email) == told("nobody@example.com")


def test_who_may_not_log_in_is_told_what_a_stranger_is(browser: Client) -> None:
    helper = console.person(superuser=False, password=PASSWORD)
    rows.change("UPDATE person SET is_active = false WHERE id = %s", helper.pk)
    assert console.problems(log_in(browser, helper)) == console.problems(log_in(browser, helper, "wrong"))
    assert "sessionid" not in browser.cookies


@pytest.mark.parametrize(
    "form", [{}, {"username": "a"}, {"username": "a\0b", "password": "x"}, {"username": "a" * 300, "password": "x"}]
)
def test_odd_forms_are_refused(browser: Client, form: dict[str, str]) -> None:
    assert browser.post(LOG_IN, form).status_code == 200


def test_a_new_password_of_ones_own_ends_what_is_open_elsewhere(browser: Client, person: Any) -> None:
    elsewhere, programs = Client(REMOTE_ADDR=people.address()), people.Person(person).tokens()
    log_in(browser, person)
    log_in(elsewhere, person)
    wish = {"old_password": PASSWORD, "new_password1": "quite another one", "new_password2": "quite another one"}
    for changed, problem in (({"old_password": "x"}, "not your password"), ({"new_password2": "x"}, "match"), (
        {"new_password1": "short", "new_password2": "short"}, "too short")):  # fmt: skip
        answer = browser.post(CHANGE, wish | changed)
        assert problem in str(console.problems(answer))
    assert elsewhere.get("/admin/").status_code == 200
    assert browser.post(CHANGE, wish)["Location"] == "/admin/password_change/done/"
    assert browser.get("/admin/").status_code == 200
    assert elsewhere.get("/admin/").status_code == 302
    assert bearer(programs["access"]).get("/api/v1/me").status_code == 401
    assert log_in(Client(REMOTE_ADDR=people.address()), person, "quite another one").status_code == 302
    actions = rows.fetch("SELECT action FROM audit_event WHERE object_id = %s ORDER BY id", str(person.pk))
    assert ("person.password_changed",) in actions
