"""Guessing passwords: counted, bounded, equal for accounts that are and are not, and no burden to others."""

from __future__ import annotations

import statistics
import threading
import time
from typing import Any

import pytest
from django.contrib.auth import hashers
from django.test import Client

from tenants import guessing
from tests.support import people, rows, threads
from tests.support.people import TOKEN, Person, code, quick_hashes  # noqa: F401 - a fixture
from tests.support.processes import eventually

WRONG = "not the password"


@pytest.fixture
def person(owner: Any, quick_hashes: None) -> Person:  # noqa: F811
    return people.member(owner.tenant, "admin")


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When each password was judged."""
    times: list[float] = []
    verify = hashers.verify_password

    def noted(*args: Any, **options: Any) -> Any:
        times.append(time.monotonic())
        return verify(*args, **options)

    monkeypatch.setattr(hashers, "verify_password", noted)
    return times


@pytest.fixture
def no_buckets(settings: Any) -> None:
    """Only what the database counts."""
    settings.API_RATES = {
        **settings.API_RATES,
        "login": "",
        "account": "",
        "everywhere": "",
        "address": "",
        "anonymous": "",
    }


def wrong(person: Person, **more: Any) -> Any:
    return person.log_in(WRONG, **more)


def test_five_wrong_passwords_close_the_account_to_that_address_alone(person: Person) -> None:
    assert [code(wrong(person))[0] for _ in range(6)] == [401, 401, 401, 401, 429, 429]
    locked = person.log_in()
    assert code(locked) == (429, "RATE_LIMITED")
    assert locked["Retry-After"] == "900"
    elsewhere = Person(person.user)
    assert elsewhere.log_in().status_code == 200
    rows.change(
        "UPDATE axes_accessattempt SET attempt_time = now() - interval '16 minutes' WHERE username = %s", person.email
    )
    assert person.log_in().status_code == 200


def test_a_good_password_begins_the_count_anew(person: Person) -> None:
    for _ in range(2):
        assert [code(wrong(person))[0] for _ in range(3)] == [401] * 3
        assert person.log_in().status_code == 200


def test_case_and_spaces_of_the_address_are_one_account(person: Person, no_buckets: None) -> None:
    for email in (person.email.upper(), f" {person.email}", person.email.title(), f"{person.email} "):
        person.post(TOKEN, {"email": email, "password": WRONG})
    assert code(wrong(person)) == (429, "RATE_LIMITED")


def test_an_ipv6_client_is_its_network(person: Person, no_buckets: None) -> None:
    answers = [code(Person(person.user, f"2001:db8:1:2::{number:x}").log_in(WRONG))[0] for number in range(1, 7)]
    assert answers == [401, 401, 401, 401, 429, 429]


def test_another_browser_is_no_new_count(person: Person, no_buckets: None) -> None:
    for number in range(5):
        client = Client(REMOTE_ADDR=person.address, headers={"User-Agent": f"browser {number}" * 50})
        client.post(TOKEN, {"email": person.email, "password": WRONG}, content_type="application/json")
    assert code(person.log_in()) == (429, "RATE_LIMITED")


def test_an_unknown_account_is_answered_like_a_known_one(person: Person) -> None:
    nobody = Person(person.user.__class__(email="nobody-at-all@example.com"))
    disabled = people.somebody(is_active=False)
    for _ in range(6):
        answers = [person.log_in(WRONG), nobody.log_in(WRONG), disabled.log_in(people.PASSWORD)]
        told = {
            (*code(answer), answer.json()["error"]["message"], str(answer.json()["error"]["details"]))
            for answer in answers
        }
        assert len(told) == 1


def test_unknown_and_known_accounts_take_equally_long(owner: Any, no_buckets: None) -> None:
    """With the real hasher: without its work for unknown accounts they would answer a hundred times as fast."""
    person = people.member(owner.tenant)

    def seconds(email: str) -> float:
        somewhere = Person(person.user)
        before = time.process_time()  # the work: what others do on the machine is none of it
        somewhere.post(TOKEN, {"email": email, "password": WRONG})
        return time.process_time() - before

    known, unknown = [], []
    for number in range(5):
        known.append(seconds(person.email))
        unknown.append(seconds(f"nobody-{number}@example.com"))
    assert 0.5 < statistics.median(known) / statistics.median(unknown) < 2


def test_parallel_guesses_are_judged_as_often_as_the_limit_says(
    person: Person, judged: list[float], no_buckets: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By real threads and connections. Buckets and places are left out, as if each were in a process of its own."""
    monkeypatch.setattr(guessing, "_places", threading.BoundedSemaphore(1000))
    answers = _storm(person, 200, 50)
    assert set(answers) <= {401, 429, 503}
    assert _learned(answers, judged) <= 5  # of those at the same moment all but one are sent away unjudged
    while (answer := code(wrong(person))[0]) != 429:
        answers.append(answer)
        assert answers.count(401) < 5
    assert _learned(answers, judged) <= 5 <= len(judged)
    failures = "SELECT sum(failures_since_start) FROM axes_accessattempt WHERE username = %s"
    assert rows.fetch(failures, person.email) == [(5,)]
    assert code(person.log_in()) == (429, "RATE_LIMITED")


def test_of_hundreds_of_parallel_guesses_few_even_get_to_the_database(person: Person, judged: list[float]) -> None:
    answers = _storm(person, 400, 50)
    assert set(answers) <= {401, 429, 503}
    assert answers.count(401) < 5
    assert _learned(answers, judged) <= 5
    tries = rows.fetch("SELECT count(*) FROM audit_event WHERE object_id = %s", str(person.user.pk))
    assert tries[0][0] <= 5


def _learned(answers: list[int], judged: list[float]) -> int:
    """From how many anybody learned something: on a busy machine PostgreSQL may end a transaction that has judged one, and
    the answer is 503 whatever the password."""
    return len(judged) - answers.count(503)


def _storm(person: Person, tries: int, at_once: int) -> list[int]:
    """Status codes of so many wrong passwords, from threads that begin together."""

    def several() -> list[int]:
        return [wrong(person).status_code for _ in range(tries // at_once)]

    return [status for answers in threads.together([several] * at_once) for status in answers]


def test_hashing_has_few_places_and_who_finds_none_is_told_to_come_again(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = guessing._places._initial_value  # type: ignore[attr-defined]
    assert 1 <= places <= 64
    monkeypatch.setattr(guessing, "PATIENCE", 0.05)
    monkeypatch.setattr(guessing, "_places", threading.BoundedSemaphore(1))
    with guessing.place_to_hash():
        answer = person.log_in()
    assert code(answer) == (503, "UNAVAILABLE")
    assert answer["Retry-After"] == "2"
    assert person.log_in().status_code == 200


def test_whoever_waits_for_a_place_holds_no_connection(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guessing, "PATIENCE", 60)
    monkeypatch.setattr(guessing, "_places", threading.BoundedSemaphore(1))
    others = [people.somebody() for _ in range(4)]
    mine = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'carillon_app'"
    before = rows.fetch(mine)[0][0]
    with guessing.place_to_hash():
        waiting = [threading.Thread(target=threads.together, args=([other.log_in],)) for other in others]
        for thread in waiting:
            thread.start()
        assert eventually(lambda: len(guessing._places._cond._waiters) == 4)  # type: ignore[attr-defined]
        assert rows.fetch(mine)[0][0] <= before
    for thread in waiting:
        thread.join()


def test_another_try_at_the_same_moment_is_told_to_wait(person: Person) -> None:
    from django.db import connections, transaction

    def held() -> Any:
        with transaction.atomic():
            assert guessing._locked(person.email)
            return threads.together([person.log_in])[0]

    try:
        answer = held()
    finally:
        connections.close_all()
    assert code(answer) == (429, "RATE_LIMITED")
    assert answer["Retry-After"] == "1"


def test_failures_are_told_to_the_audit_trail_without_what_was_typed(person: Person) -> None:
    for _ in range(7):
        wrong(person)
    found = rows.fetch("SELECT action FROM audit_event WHERE object_id = %s ORDER BY id", str(person.user.pk))
    assert [row[0] for row in found] == ["person.login_failed"] * 4 + ["person.locked_out"]
    secret = "a-password-typed-into-the-wrong-field"
    Person(person.user.__class__(email=secret)).log_in(WRONG)
    assert rows.fetch("SELECT count(*) FROM audit_event e WHERE e::text LIKE %s", f"%{secret}%") == [(0,)]


def test_no_password_is_kept_of_those_that_were_wrong(person: Person) -> None:
    wrong(person)
    assert rows.fetch("SELECT count(*) FROM axes_accessattempt a WHERE a::text LIKE %s", f"%{WRONG}%") == [(0,)]
