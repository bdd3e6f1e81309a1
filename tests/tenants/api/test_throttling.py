"""How often the API may be asked: every route, every limit, what is told, and what holds while Redis is away."""

from __future__ import annotations

import time
from functools import partial
from uuid import uuid4

import pytest

from tenants import buckets, limits
from tenants.rules import api_keys
from tests.support import actors, api_routes, rows
from tests.support.rates import Caller, address, only
from tests.support.redis_faults import own_redis
from tests.support.stack import wait_for
from tests.support.threads import together

#: What is refused while nothing can be counted. Log-in routes of the API belong here too.
REFUSED_UNCOUNTED = {("POST", "api-keys/<str:id>/rotate"), ("POST", "api-keys")}


def path_of(route):
    return route.at(uuid4()).removeprefix("/api/v1/")


@pytest.fixture
def away(monkeypatch):
    """Redis is away for every request."""

    def draw(*_, **__):
        raise buckets.Away

    monkeypatch.setattr(buckets, "draw", draw)


@pytest.fixture
def frozen(monkeypatch):
    """For the limits no time passes from one request to the next."""
    monkeypatch.setattr(buckets, "draw", partial(buckets.draw, at=time.time()))


def refused(answer, limit):
    assert answer.status_code == 429, answer.content
    assert int(answer["Retry-After"]) >= 1
    assert answer["RateLimit"].startswith(f'"{limit}";r=0;t=')
    if answer["Content-Type"].startswith("text/html"):
        return None  # the page for people, which has no envelope
    error = answer.json()["error"]
    assert (error["code"], error["details"]["limit"]) == ("RATE_LIMITED", limit)
    assert int(answer["Retry-After"]) == error["details"]["retry_after_seconds"]
    return error


@pytest.mark.parametrize("route", api_routes.ALL, ids=lambda route: route.path)
def test_every_route_is_limited_with_a_key_and_without(owner, route):
    with only(key="1/d", anonymous="1/d"):
        for method in route.methods:
            key = actors.teammate(owner).key
            first, second = (Caller(key).ask(path_of(route), method) for _ in range(2))
            assert first.status_code != 429
            if route.path in api_routes.PUBLIC:
                continue  # asks for no key, and so knows nobody by one
            refused(second, "key")
        for method in route.methods:
            nobody = Caller()
            assert nobody.ask(path_of(route), method).status_code != 429
            refused(nobody.ask(path_of(route), method), "anonymous")


def test_a_key_has_its_rate_wherever_it_calls_from(owner):
    with only(key="3/d"):
        assert [Caller(owner.key).ask().status_code for _ in range(4)] == [200, 200, 200, 429]
        assert Caller(actors.teammate(owner).key).ask().status_code == 200


def test_the_message_says_who_how_many_and_until_when(owner):
    with only(key="1/h"):
        caller = Caller(owner.key)
        caller.ask()
        error = refused(caller.ask(), "key")
    seconds = error["details"]["retry_after_seconds"]
    assert 3500 < seconds <= 3600
    assert error["message"] == (
        f"too many requests of this API key or person, at most 1/h are taken: try again in {seconds} s"
    )


def test_a_refusal_goes_on_saying_for_how_long(owner):
    with only(key="1/h"):
        caller = Caller(owner.key)
        waits = {int(caller.ask()["Retry-After"]) for _ in range(5) if caller.ask().status_code == 429}
    assert waits
    assert all(3500 < seconds <= 3600 for seconds in waits)


def test_all_keys_of_a_tenant_share_its_rate(owner, outsider):
    with only(tenant="3/d"):
        mate = actors.teammate(owner)
        assert [Caller(key).ask().status_code for key in (owner.key, mate.key, owner.key)] == [200] * 3
        refused(Caller(mate.key).ask(), "tenant")
        assert Caller(outsider.key).ask().status_code == 200


def test_a_tenants_own_rate_goes_before_the_installations(owner):
    rows.change("UPDATE tenant SET api_rate_limit = '2/d' WHERE id = %s", owner.tenant.id)
    with only(tenant="1000/s"):
        caller = Caller(owner.key)
        assert caller.statuses(3) == [200, 200, 429]
        rows.change("UPDATE tenant SET api_rate_limit = '' WHERE id = %s", owner.tenant.id)
        wait_for(lambda: caller.ask().status_code == 200, 60, "a changed rate holds within a second")


def test_an_address_shares_its_rate_and_a_network_of_ipv6_is_one(owner, outsider):
    with only(address="2/d"):
        here = address()
        neighbour = here.removesuffix("1") + "beef"
        assert Caller(owner.key, address_=here).ask().status_code == 200
        assert Caller(outsider.key, address_=neighbour).ask().status_code == 200
        refused(Caller(owner.key, address_=here).ask(), "address")
        assert Caller(owner.key).ask().status_code == 200


def test_a_flood_of_one_tenant_takes_nothing_from_another(owner, outsider):
    here = address()
    with only(tenant="5/d", address="12/d"):
        flood = Caller(owner.key, address_=here).statuses(40)
        assert flood.count(200) == 5
        assert Caller(outsider.key, address_=here).statuses(5) == [200] * 5


def test_what_is_refused_for_its_scope_counts_too(owner):
    reader = actors.teammate(owner)
    with only(key="2/d"):
        caller = Caller(reader.key)
        assert caller.statuses(3, "api-keys") == [403, 403, 429]


def test_many_at_the_same_time_get_what_the_bucket_holds(owner):
    def ten():
        return Caller(owner.key).statuses(10).count(200)

    with only(key="25/d"):
        assert sum(together([ten] * 8)) == 25


def test_refused_keys_are_counted_by_address_and_then_not_looked_at(monkeypatch):
    asked = []
    found = api_keys.parse
    monkeypatch.setattr(api_keys, "parse", lambda text: asked.append(text) or found(text))
    with only(failed="3/d"):
        here = address()
        statuses = [Caller(_unknown(), address_=here).ask().status_code for _ in range(20)]
        assert statuses == [401] * 3 + [429] * 17
        assert len(asked) == 4, "the database was asked for keys of an address that only guesses"
        refused(Caller("nonsense", address_=here).ask(), "failed")
        assert Caller(_unknown()).ask().status_code == 401


def test_a_key_in_use_passes_beside_somebody_who_guesses_from_the_same_address(owner):
    with only(failed="1/d"):
        here = address()
        good = Caller(owner.key, address_=here)
        assert good.ask().status_code == 200
        assert Caller(_unknown(), address_=here).statuses(3) == [401, 429, 429]
        assert good.ask().status_code == 200


def test_requests_without_a_key_do_not_use_up_what_guessing_may(owner):
    with only(anonymous="1/d", failed="1/d"):
        here = address()
        assert Caller(address_=here).statuses(2) == [401, 429]
        assert Caller(_unknown(), address_=here).ask().status_code == 401
        assert Caller(owner.key, address_=here).ask().status_code != 401


def test_headers_tell_of_the_tightest_limit(owner, frozen):
    with only(key="100/m", tenant="50/h", address="1000/s"):
        caller = Caller(owner.key)
        answers = [caller.ask() for _ in range(3)]
    assert [answer["RateLimit-Policy"] for answer in answers] == ['"tenant";q=50;w=3600'] * 3
    assert [answer["RateLimit"] for answer in answers] == [f'"tenant";r={49 - n};t={72 * (n + 1)}' for n in range(3)]


def test_empty_bucket_tells_when_the_next_request_is_let_in(owner, frozen):
    with only(key="2/h"):
        caller = Caller(owner.key)
        answers = [caller.ask() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[1]["RateLimit"] == '"key";r=0;t=1800'
    assert answers[2]["RateLimit"] == f'"key";r=0;t={answers[2]["Retry-After"]}'


def test_refusals_of_another_kind_tell_of_the_limit_too(owner):
    with only(key="100/m"):
        caller = Caller(owner.key)
        for answer in (caller.ask("jobs/nothing"), caller.ask(method="POST"), caller.ask("jobs?what=1")):
            assert answer.status_code >= 400
            assert answer["RateLimit-Policy"] == '"key";q=100;w=60'


def test_without_limits_nothing_is_asked_and_nothing_told(owner, away):
    with only():
        before = limits.counts()
        answer = Caller(owner.key).ask()
    assert answer.status_code == 200
    assert "RateLimit" not in answer
    assert limits.counts() == before


def test_an_answer_does_not_tell_of_the_request_before(owner):
    with only(key="100/m"):
        caller = Caller(owner.key)
        assert "RateLimit" in caller.ask()
        assert "RateLimit" not in caller._client.get("/health/live")


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics", "/admin/login/", "/"])
def test_probes_metrics_and_console_are_not_counted(path):
    with only(anonymous="1/d", address="1/d"):
        caller = Caller(address_="127.0.0.1")
        answers = [caller._client.get(path) for _ in range(3)]
    assert {answer.status_code for answer in answers} <= {200, 302}
    assert not any("RateLimit" in answer for answer in answers)


def test_the_installations_own_limits_are_met_by_nobody_in_a_test(owner):
    assert set(Caller(owner.key).statuses(50)) == {200}


@pytest.mark.parametrize("route", api_routes.GUARDED, ids=lambda route: route.path)
def test_while_redis_is_away_every_route_does_as_it_says(owner, route, away):
    with only(key="1000/s"):
        for method in route.methods:
            answer = Caller(owner.key).ask(path_of(route), method)
            if (method, route.path) in REFUSED_UNCOUNTED:
                assert (answer.status_code, answer.json()["error"]["code"]) == (503, "UNAVAILABLE")
                assert int(answer["Retry-After"]) >= 1
            else:
                assert answer.status_code not in (429, 503), (method, route.path, answer.content)
            assert "RateLimit" not in answer


def test_what_was_served_and_refused_uncounted_is_told(owner, away):
    with only(key="1000/s"):
        before = limits.counts()["uncounted"]
        caller = Caller(owner.key)
        caller.ask()
        caller.ask("api-keys", "POST")
        after = limits.counts()["uncounted"]
    assert {answer: after[answer] - before[answer] for answer in after} == {"served": 1, "refused": 1}


def test_redis_killed_midway_serves_reads_and_makes_no_keys(owner):
    body = '{"name": "ci", "scopes": ["jobs:read"]}'
    with only(key="1000/s"), own_redis() as server:
        caller = Caller(owner.key)
        assert caller.ask("api-keys", "POST", body).status_code == 201
        server.kill()
        assert caller.statuses(5) == [200] * 5
        assert caller.ask("api-keys", "POST", body).status_code == 503
        server.start()
        wait_for(lambda: caller.ask("api-keys", "POST", body).status_code == 201, 60, "keys are made again")


def _unknown():
    return api_keys.generate().text
