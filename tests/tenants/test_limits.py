"""Counting what is no request of the API's views: log-ins; and what Redis is told."""

from __future__ import annotations

import pytest
from django.test import RequestFactory, override_settings

from tenants import buckets, limits, requests
from tenants.requests import Actor
from tests.support.rates import address, installed, only
from tests.support.redis_faults import own_redis
from tests.support.threads import together


def call_from(where):
    return requests.serving(RequestFactory().get("/", REMOTE_ADDR=where))


def logs_in(account, where):
    with call_from(where):
        try:
            limits.take_login(account)
        except limits.RateLimited as error:
            return error.details["limit"]
        return None


def test_an_account_is_tried_so_often_from_wherever():
    account = f"{address()}@example.com"
    with only(everywhere="3/d", login="100/d"):
        assert [logs_in(account, address()) for _ in range(5)] == [None] * 3 + ["everywhere"] * 2


def test_whoever_guesses_from_one_address_shuts_nobody_out_elsewhere():
    account, here = f"{address()}@example.com", address()
    with only(account="3/d", everywhere="6/d"):
        assert [logs_in(account, here) for _ in range(9)] == [None] * 3 + ["account"] * 6
        assert [logs_in(account, address()) for _ in range(3)] == [None] * 3


def test_an_address_tries_so_many_accounts():
    here = address()
    with only(account="100/d", login="3/d"):
        assert [logs_in(f"{number}-{here}", here) for number in range(5)] == [None] * 3 + ["login"] * 2


def test_an_account_is_one_however_it_is_written():
    who, here = address(), address()
    with only(account="3/d"):
        for spelling in (f"ada@{who}", f" ADA@{who.upper()} ", f"\uff41da@{who}"):
            assert logs_in(spelling, here) is None
        assert logs_in(f"ada@{who}", here) == "account"


@pytest.mark.parametrize("account", ["", "\ud800", "a" * 100_000, "\0", " "])
def test_what_is_no_account_is_counted_like_one(account):
    here = address()
    with only(login="2/d"):
        assert [logs_in(account, here) for _ in range(3)] == [None, None, "login"]


def test_the_platforms_people_use_up_no_tenants_rate(owner):
    auditor = Actor("user:auditor@example.com", frozenset(), owner.tenant, of_platform=True)
    with only(tenant="1/d"), call_from(address()):
        for _ in range(3):
            limits.take_request(auditor)
        limits.take_request(Actor("key:own", frozenset(), owner.tenant))
        with pytest.raises(limits.RateLimited):
            limits.take_request(Actor("key:other", frozenset(), owner.tenant))


def test_many_tries_at_the_same_time_are_no_more():
    account = address()

    def ten():
        return [logs_in(account, address()) for _ in range(10)].count(None)

    with only(everywhere="12/d"):
        assert sum(together([ten] * 10)) == 12


def test_uncounted_tries_to_log_in_are_refused(monkeypatch):
    def away(*_, **__):
        raise buckets.Away

    monkeypatch.setattr(buckets, "draw", away)
    with call_from(address()), only(account="1000/s"), pytest.raises(limits.Uncounted) as refused:
        limits.take_login("ada@example.com")
    assert (refused.value.status, refused.value.retry_after) == (503, 2)


def test_redis_learns_no_account_no_address_and_no_key():
    rates = {"account": "9/d", "everywhere": "9/d", "login": "9/d", "key": "9/d", "address": "9/d"}
    with only(**rates), own_redis() as server, call_from("203.0.113.7"):
        limits.take_login("ada@example.com")
        limits.take_request(Actor("key:abcdef", frozenset()))
        keys = server.keys()
        with override_settings(SECRET_KEY="another installation's"):
            limits.take_login("ada@example.com")
        others = set(server.keys()) - set(keys)
        stored = b" ".join([*keys, *(server.client.get(key) for key in keys)])
    assert {key.split(b":")[2] for key in keys} == {b"account", b"everywhere", b"login", b"address", b"key"}
    assert all(key.startswith(b"carillon:limit:") for key in keys)
    assert not any(part in stored for part in (b"ada", b"example", b"203.0", b"abcdef"))
    assert len(others) == 4, "hashes are the installation's own"


def test_a_limit_is_off_when_it_is_empty():
    with only(), call_from(address()):
        for _ in range(5):
            limits.take_login("ada@example.com")
            limits.take_failure()
            limits.refuse_guessing("anything")


def test_an_installation_limits_everything_but_what_the_tests_call_without_a_key():
    assert [name for name, rate in installed().items() if not rate] == ["anonymous", "failed"]
    assert set(installed()) == set(limits.WHOSE)
