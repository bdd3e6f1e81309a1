"""Whether and when a failed attempt is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.rules import retries
from jobs.rules.codes import Failure
from jobs.rules.retries import Exhausted, ExhaustedReason, RetryAt, RetryPolicy, RetryRule

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEED = UUID("01980000-0000-7000-8000-000000000001")


def follow(
    policy: RetryPolicy,
    attempt: int = 1,
    crashes: int = 0,
    code: str = Failure.EXECUTION_FAILED,
    tags: tuple[str, ...] = (),
    asked_delay: timedelta | None = None,
) -> RetryAt | Exhausted:
    return retries.next_attempt(
        policy,
        attempt=attempt,
        crashes=crashes,
        failure_code=code,
        now=NOW,
        seed=SEED,
        tags=tags,
        asked_delay=asked_delay,
    )


def delay(answer: RetryAt | Exhausted) -> float:
    assert isinstance(answer, RetryAt)
    return (answer.at - NOW).total_seconds()


@pytest.mark.parametrize(
    ("policy", "delays"),
    [
        (RetryPolicy(max_attempts=6, delay_seconds=10, max_delay_seconds=60, jitter=False), [10, 20, 40, 60, 60]),
        (RetryPolicy(max_attempts=6, delay_seconds=10, backoff="fixed", jitter=False), [10, 10, 10, 10, 10]),
        (RetryPolicy(max_attempts=6, delay_seconds=0.5, factor=1.5, jitter=False), [0.5, 0.75, 1.125, 1.6875, 2.53125]),
        (RetryPolicy(max_attempts=6, delay_seconds=0), [0, 0, 0, 0, 0]),
        (RetryPolicy(max_attempts=6, delay_seconds=10, backoff="fibonacci", jitter=False), [10, 10, 20, 30, 50]),
        (
            RetryPolicy(max_attempts=6, delay_seconds=10, backoff="fibonacci", max_delay_seconds=25, jitter=False),
            [10, 10, 20, 25, 25],
        ),
        (RetryPolicy(max_attempts=6, delay_seconds=0, backoff="fibonacci"), [0, 0, 0, 0, 0]),
    ],
)
def test_delays_follow_the_policy_until_attempts_are_used(policy: RetryPolicy, delays: list[float]) -> None:
    assert [delay(follow(policy, attempt=attempt)) for attempt in range(1, 6)] == delays
    assert follow(policy, attempt=6) == Exhausted(ExhaustedReason.ATTEMPTS_USED)


def test_the_hundredth_delay_of_the_steepest_policy_is_its_cap() -> None:
    policy = RetryPolicy(max_attempts=100, delay_seconds=604_800, factor=10, max_delay_seconds=604_800, jitter=False)
    assert delay(follow(policy, attempt=99)) == 604_800


@settings(deadline=None, max_examples=60, database=None)
@given(seed=st.uuids(), attempt=st.integers(1, 99))
def test_a_jittered_delay_lies_in_the_upper_half_and_is_always_the_same(seed: UUID, attempt: int) -> None:
    policy = RetryPolicy(max_attempts=100, delay_seconds=60)
    answers = {
        retries.next_attempt(policy, attempt=attempt, crashes=0, failure_code="TIMEOUT", now=NOW, seed=seed)
        for _ in range(2)
    }
    [answer] = answers
    assert policy.delay(attempt) / 2 <= delay(answer) <= policy.delay(attempt)


POLICIES = st.builds(
    RetryPolicy,
    max_attempts=st.just(10**9),
    delay_seconds=st.one_of(st.just(0), st.floats(1e-300, 604_800)),
    backoff=st.sampled_from(["fixed", "exponential", "fibonacci"]),
    factor=st.one_of(st.integers(1, 10), st.floats(1, 10)),
    max_delay_seconds=st.floats(0, 604_800),
    jitter=st.booleans(),
)


@settings(deadline=None, max_examples=150, database=None)
@given(policy=POLICIES, failures=st.integers(1, 400))
def test_delays_never_fall_and_never_pass_the_cap(policy: RetryPolicy, failures: int) -> None:
    assert 0 <= policy.delay(failures) <= policy.delay(failures + 1) <= policy.max_delay_seconds


@settings(deadline=None, max_examples=150, database=None)
@given(policy=POLICIES, attempt=st.integers(1, 10**8))
def test_any_attempt_has_a_delay_within_the_jitter(policy: RetryPolicy, attempt: int) -> None:
    waits, full = delay(follow(policy, attempt=attempt)), policy.delay(attempt)
    least = full / 2 if policy.jitter else full
    assert least - 1e-6 <= waits <= full + 1e-6  # instants have microseconds


def test_the_first_rule_that_names_a_failure_goes_before_the_policy() -> None:
    policy = RetryPolicy(
        max_attempts=2,
        delay_seconds=10,
        jitter=False,
        retry_on=frozenset({"TIMEOUT"}),
        rules=(
            RetryRule(on=frozenset({"http:429"}), delay_seconds=7200, backoff="fixed", max_attempts=5),
            RetryRule(on=frozenset({"http:4xx"}), retry=False),
            RetryRule(on=frozenset({"http:429"}), delay_seconds=1),
        ),
    )
    not_retryable = Exhausted(ExhaustedReason.NOT_RETRYABLE)
    assert delay(follow(policy, attempt=4, tags=("http:429", "http:4xx"))) == 7200
    assert follow(policy, attempt=5, tags=("http:429", "http:4xx")) == Exhausted(ExhaustedReason.ATTEMPTS_USED)
    assert follow(policy, tags=("http:404", "http:4xx")) == not_retryable
    assert follow(policy, tags=("http:500",)) == not_retryable  # no rule names it, and retry_on does not either
    assert delay(follow(policy, code="TIMEOUT")) == 10


def test_no_retry_on_goes_before_rules() -> None:
    policy = RetryPolicy(no_retry_on=frozenset({"exit:2"}), rules=(RetryRule(on=frozenset({"exit:2"})),))
    assert follow(policy, tags=("exit:2",)) == Exhausted(ExhaustedReason.NOT_RETRYABLE)


def test_a_rule_may_end_after_a_crash_and_changes_nothing_else_of_it() -> None:
    lost = frozenset({str(Failure.WORKER_LOST)})
    slow = RetryPolicy(rules=(RetryRule(on=lost, delay_seconds=600, max_attempts=1),))
    assert delay(follow(slow, crashes=1, code=Failure.WORKER_LOST)) == 1
    never = RetryPolicy(rules=(RetryRule(on=lost, retry=False),))
    assert follow(never, crashes=1, code=Failure.WORKER_LOST) == Exhausted(ExhaustedReason.NOT_RETRYABLE)


def test_what_the_other_side_asks_for_goes_before_a_rules_delay() -> None:
    policy = RetryPolicy(rules=(RetryRule(on=frozenset({"http:429"}), delay_seconds=600),))
    assert delay(follow(policy, tags=("http:429",), asked_delay=timedelta(seconds=7))) == 7


def test_jitter_spreads_executions_and_attempts() -> None:
    policy = RetryPolicy(max_attempts=100, backoff="fixed")
    assert len({delay(follow(policy, attempt=attempt)) for attempt in range(1, 51)}) == 50


@pytest.mark.parametrize(
    ("retry_on", "no_retry_on", "code", "tags", "again"),
    [
        ([], [], "EXECUTION_FAILED", (), True),
        (["TIMEOUT", "http:5xx"], [], "TIMEOUT", (), True),
        (["TIMEOUT", "http:5xx"], [], "EXECUTION_FAILED", ("http:503", "http:5xx"), True),
        (["TIMEOUT", "http:5xx"], [], "EXECUTION_FAILED", ("http:404", "http:4xx"), False),
        (["TIMEOUT"], [], "EXECUTION_FAILED", (), False),
        ([], ["http:4xx"], "EXECUTION_FAILED", ("http:404", "http:4xx"), False),
        ([], ["http:4xx"], "EXECUTION_FAILED", ("http:503", "http:5xx"), True),
        (["http:4xx"], ["http:404"], "EXECUTION_FAILED", ("http:404", "http:4xx"), False),
        (["http:4xx"], ["http:404"], "EXECUTION_FAILED", ("http:429", "http:4xx"), True),
    ],
)
def test_codes_and_tags_decide_and_no_retry_on_wins(
    retry_on: list[str], no_retry_on: list[str], code: str, tags: tuple[str, ...], again: bool
) -> None:
    policy = RetryPolicy(retry_on=frozenset(retry_on), no_retry_on=frozenset(no_retry_on))
    answer = follow(policy, code=code, tags=tags)
    assert isinstance(answer, RetryAt) if again else answer == Exhausted(ExhaustedReason.NOT_RETRYABLE)


def test_a_crash_is_tried_again_after_a_second_even_when_attempts_are_used() -> None:
    policy = RetryPolicy(max_attempts=1, retry_on=frozenset({"TIMEOUT"}))
    assert delay(follow(policy, attempt=1, crashes=1, code=Failure.WORKER_LOST)) == 1
    assert delay(follow(policy, attempt=2, crashes=2, code=Failure.WORKER_LOST)) == 1


def test_the_third_crash_ends_the_execution() -> None:
    answer = follow(RetryPolicy(max_attempts=100), attempt=3, crashes=3, code=Failure.WORKER_LOST)
    assert answer == Exhausted(ExhaustedReason.CRASHES_USED)


def test_crashes_use_up_no_attempts_and_do_not_lengthen_delays() -> None:
    policy = RetryPolicy(max_attempts=2, delay_seconds=10, jitter=False)
    assert delay(follow(policy, attempt=3, crashes=2)) == 10
    assert follow(policy, attempt=4, crashes=2) == Exhausted(ExhaustedReason.ATTEMPTS_USED)


@pytest.mark.parametrize(
    "policy", [RetryPolicy(on_worker_lost=False), RetryPolicy(no_retry_on=frozenset({"WORKER_LOST"}))]
)
def test_a_crash_ends_the_execution_at_once_if_the_policy_says_so(policy: RetryPolicy) -> None:
    answer = follow(policy, attempt=1, crashes=1, code=Failure.WORKER_LOST)
    assert answer == Exhausted(ExhaustedReason.NOT_RETRYABLE)


@pytest.mark.parametrize(("asked", "given_"), [(5, 5), (7200, 7200), (-3, 0), (10**9, 604_800)])
def test_what_the_other_side_asked_for_goes_before_the_policy(asked: int, given_: int) -> None:
    assert delay(follow(RetryPolicy(), asked_delay=timedelta(seconds=asked))) == given_
    used = follow(RetryPolicy(max_attempts=1), asked_delay=timedelta(seconds=asked))
    assert used == Exhausted(ExhaustedReason.ATTEMPTS_USED)
