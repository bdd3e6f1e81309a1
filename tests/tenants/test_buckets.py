"""Buckets in a real Redis: no more than they hold, whoever draws at the same time; and Redis away."""

from __future__ import annotations

import secrets
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenants import buckets
from tenants.rules import rates
from tenants.rules.rates import Bucket
from tests.support.redis_faults import own_redis
from tests.support.stack import wait_for
from tests.support.threads import together

SLOW = rates.bucket("100/d", None)


@pytest.fixture
def name():
    return f"test:{secrets.token_hex(8)}"


@pytest.fixture
def own():
    with own_redis() as server:
        yield server


@pytest.fixture
def impatient(monkeypatch):
    """The time-out and the pause of the product: the rest of a test run is patient."""
    monkeypatch.setattr(buckets, "TIMEOUT", 0.05)
    buckets._script.cache_clear()
    yield
    buckets._script.cache_clear()


def passed(*draws, **how):
    return all(level.wait == 0 for level in buckets.draw(list(draws), **how))


def test_a_thousand_at_the_same_time_get_what_the_bucket_holds(name):
    def twenty():
        return sum(passed((name, SLOW)) for _ in range(20))

    assert sum(together([twenty] * 50)) == 100


def test_tokens_come_back_with_time(name):
    bucket, hour = rates.bucket("2/h", None), 3600
    hours = (50, 50, 50, 50.4, 50.5, 50.5, 52, 52, 52, 51)
    outcomes = [passed((name, bucket), at=each * hour) for each in hours]
    assert outcomes == [True, True, False, False, True, False, True, True, False, False]


def test_the_servers_own_clock_gives_tokens_back(name):
    bucket = rates.bucket("20/s", 1)
    # Of those that follow each other within a twentieth of a second one is refused.
    level = wait_for(
        lambda: next((each for each in buckets.draw([(name, bucket)]) if each.wait), None), 60, "a refusal", every=0
    )
    assert 0 < level.wait <= 0.05
    wait_for(lambda: passed((name, bucket)), 60, "a token is there again")


@settings(deadline=None, max_examples=50)
@given(
    burst=st.integers(1, 20),
    per_second=st.floats(0.0001, 0.02),  # keys go by the real clock, so none may be full again while the test runs
    steps=st.lists(st.tuples(st.floats(0, 10_000), st.integers(0, 30)), min_size=1, max_size=10),
)
def test_it_lets_pass_what_the_rule_lets_pass(burst, per_second, steps):
    key, bucket = f"test:{secrets.token_hex(8)}", Bucket(per_second, burst)
    now, began, taken = 1_000_000.0, 1_000_000.0, 0
    for seconds, wanted in steps:
        now = round(now + seconds, 6)
        taken += sum(passed((key, bucket), at=now) for _ in range(wanted))
        assert taken <= burst + (now - began) * per_second + 0.01


def test_levels_say_what_is_left_and_when_more_comes(name):
    bucket = rates.bucket("10/h", 3)
    levels = [buckets.draw([(name, bucket)], at=50)[0] for _ in range(4)]
    assert [level.left for level in levels] == [2, 1, 0, 0]
    assert [round(level.full_in, 3) for level in levels] == [360, 720, 1080, 1080]
    assert [round(level.wait, 3) for level in levels] == [0, 0, 0, 360]


def test_one_empty_bucket_spares_the_others(name):
    small, large = (f"{name}:small", rates.bucket("1/d", None)), (f"{name}:large", SLOW)
    assert passed(small, large)
    for _ in range(5):
        assert not passed(large, small)
    assert buckets.draw([large])[0].left == 98


def test_a_smaller_bucket_under_the_same_name_holds_no_more_than_it_can(name):
    assert buckets.draw([(name, rates.bucket("1000/d", None))])[0].left == 999
    assert buckets.draw([(name, rates.bucket("10/d", None))])[0].left == 9


def test_a_clock_that_goes_back_takes_nothing_away_for_long(name):
    bucket = rates.bucket("1/h", 2)
    assert [passed((name, bucket), at=at) for at in (50_000, 40_000, 40_000, 43_600)] == [True, True, False, True]


def test_keys_are_ours_and_go_when_their_bucket_is_full(own):
    kept = [b"carillon:limit:day", b"carillon:limit:hour"]
    buckets.draw([("hour", rates.bucket("60/h", None)), ("day", SLOW)])
    assert sorted(own.keys()) == kept
    assert own.client.pttl("carillon:limit:hour") <= 60_000
    assert 800_000 <= own.client.pttl("carillon:limit:day") <= 864_000
    buckets.draw([("second", rates.bucket("10/s", None))])
    wait_for(lambda: b"carillon:limit:second" not in set(own.keys()), 60, "what is full is forgotten")
    assert sorted(own.keys()) == kept


def test_refusals_store_nothing(own):
    one = rates.bucket("1/d", None)
    assert passed(("a", one))
    for number in range(50):
        assert not passed(("a", one), (f"b{number}", SLOW))
    assert own.keys() == [b"carillon:limit:a"]


def test_a_server_that_forgot_the_script_is_told_again(own):
    assert passed(("a", SLOW))
    own.client.script_flush()
    assert passed(("a", SLOW))


def test_what_something_else_wrote_there_is_a_full_bucket(own):
    own.client.set("carillon:limit:a", "nonsense")
    assert buckets.draw([("a", SLOW)])[0].left == 99


@pytest.mark.usefixtures("impatient")
def test_killed_redis_is_away_at_once_and_back_after_its_pause(own, monkeypatch):
    monkeypatch.setattr(buckets, "PAUSE", 0.2)
    assert passed(("a", SLOW), patient=True)
    own.kill()
    for _ in range(3):
        with pytest.raises(buckets.Away):
            buckets.draw([("a", SLOW)])
    own.start()
    wait_for(lambda: _asked("a") and _asked("a"), 60, "it is asked again")


@pytest.mark.usefixtures("impatient")
def test_hung_redis_costs_a_request_fifty_milliseconds_and_the_others_nothing(own, monkeypatch):
    monkeypatch.setattr(buckets, "PAUSE", 60)
    assert passed(("a", SLOW), patient=True)
    own.hang()
    waits = _asks(monkeypatch)
    for _ in range(1000):
        with pytest.raises(buckets.Away):
            buckets.draw([("a", SLOW)])
    assert waits == [0.05]


@pytest.mark.usefixtures("impatient")
def test_hung_redis_is_asked_by_one_at_a_time_and_used_once_it_answers(own, monkeypatch):
    monkeypatch.setattr(buckets, "PAUSE", 60)
    assert passed(("a", SLOW), patient=True)
    own.hang()
    assert not _asked("a")
    buckets.breaker._again_at = time.monotonic()  # the pause is over
    waits = _asks(monkeypatch)
    assert together([lambda: _asked("a")] * 10) == [False] * 10
    assert waits == [0.05]
    monkeypatch.setattr(buckets, "PAUSE", 0.3)
    buckets.breaker._again_at = time.monotonic()
    own.go_on()
    wait_for(lambda: _asked("a"), 60, "it is asked again")


@pytest.mark.usefixtures("impatient")
def test_who_is_patient_is_counted_by_redis_that_is_slow_for_everybody_else(own, monkeypatch):
    monkeypatch.setattr(buckets, "PATIENCE", 60)
    assert passed(("a", SLOW), patient=True)
    own.hang()
    assert not _asked("a")
    with ThreadPoolExecutor(1) as aside:
        patient = aside.submit(buckets.draw, [("b", SLOW)], patient=True)
        assert not _asked("a"), "the others wait no longer than before"
        own.go_on()
        assert patient.result()[0].left == 99


@pytest.mark.usefixtures("impatient")
def test_patience_ends_and_then_nobody_waits(own, monkeypatch):
    monkeypatch.setattr(buckets, "PATIENCE", 0.3)
    monkeypatch.setattr(buckets, "PAUSE", 60)
    own.hang()
    waits = _asks(monkeypatch)
    for _ in range(100):
        with pytest.raises(buckets.Away):
            buckets.draw([("a", SLOW)], patient=True)
    assert waits == [0.3]


def _asks(monkeypatch):
    """From now on, for how long whoever asks Redis would wait for it."""
    waits, script = [], buckets._script

    def noted(url, seconds):
        waits.append(seconds)
        return script(url, seconds)

    noted.cache_clear = script.cache_clear
    monkeypatch.setattr(buckets, "_script", noted)
    return waits


def _asked(name):
    try:
        buckets.draw([(name, SLOW)])
    except buckets.Away:
        return False
    return True


@pytest.mark.usefixtures("impatient")
def test_full_redis_is_away_too(own):
    own.client.config_set("maxmemory", "1")
    with pytest.raises(buckets.Away):
        buckets.draw([("a", SLOW)])
