"""Claims that wait: answered when there is something, given back when nobody took the answer, and bounded."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from jobs.models import Executor
from jobs.rules.states import State
from tasks.executors import claiming, polls
from tasks.executors.polls import Poll, Wish
from tenants.requests import Actor
from tests.support import actors, executors, rows
from tests.support.attempts import Outcome
from tests.support.executors import SERVE, Played
from tests.support.processes import eventually


@pytest.fixture
def alpha(owner: Any) -> Played:
    return executors.play(owner)


def wish(of: Played) -> Wish:
    with actors.platform():
        executor = Executor.objects.get(pk=of.id)
    actor = Actor("key:" + of.actor.key.split("_")[1], frozenset({SERVE}), of.actor.tenant)
    return Wish(actor, executor, executor.lease_id, 1)  # type: ignore[arg-type]


def run(owner: Any, alpha: Played) -> str:
    return executors.triggered(owner, executors.job(owner, alpha.queue))


async def whole(poll: Poll) -> Any:
    return json.loads(b"".join([part async for part in poll.parts()]))


def test_a_claim_waits_until_there_is_something(owner: Any, alpha: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    execution = run(owner, alpha)
    rows.change("UPDATE execution SET state = 'pending' WHERE id = %s", execution)
    rounds: list[int] = []

    def look(wishes: Any) -> Any:
        rounds.append(len(wishes))
        if len(rounds) == 3:
            rows.change("UPDATE execution SET state = 'queued' WHERE id = %s", execution)
        return found(wishes)

    found = polls.look
    monkeypatch.setattr(polls, "look", look)
    monkeypatch.setattr(polls, "EVERY", 0.01)
    told = asyncio.run(whole(Poll(wish(alpha), 30)))
    assert [each["execution"] for each in told["data"]] == [execution]
    assert rounds == [1, 1, 1]
    assert polls.seats.taken == 0


def test_what_was_claimed_for_somebody_who_has_gone_is_given_back(owner: Any, alpha: Played) -> None:
    execution, waiting = run(owner, alpha), wish(alpha)

    async def leave_before_the_answer_is_taken() -> bytes:
        parts = Poll(waiting, 30).parts()
        answer = await anext(parts)
        await parts.aclose()  # type: ignore[attr-defined]
        return answer

    assert execution.encode() in asyncio.run(leave_before_the_answer_is_taken())
    assert eventually(lambda: Outcome(execution).state == State.PENDING)
    assert Outcome(execution).attempts == [(1, "released", "")]


def test_a_claim_that_has_waited_long_enough_is_answered_with_nothing(alpha: Played) -> None:
    assert asyncio.run(whole(Poll(wish(alpha), 0.05))) == {"data": []}


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE api_key SET revoked_at = now() WHERE tenant_id = %s",
        "UPDATE executor SET lease_id = gen_random_uuid() WHERE tenant_id = %s",
    ],
)
def test_who_may_not_go_on_waiting_gets_nothing(owner: Any, alpha: Played, change: str) -> None:
    waiting = wish(alpha)
    execution = run(owner, alpha)
    rows.change(change, owner.tenant.id)
    assert asyncio.run(whole(Poll(waiting, 30))) == {"data": []}
    assert Outcome(execution).state == State.QUEUED


def test_what_goes_wrong_with_one_that_waits_is_no_others(
    owner: Any, alpha: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    beta = executors.play(owner)
    execution = run(owner, beta)
    run(owner, alpha)
    take = claiming.take

    def broken(executor: Any, *more: Any) -> Any:
        if str(executor.pk) == alpha.id:
            raise ValueError("nobody thought of this")
        return take(executor, *more)

    monkeypatch.setattr(claiming, "take", broken)
    first, second = polls.look([wish(alpha), wish(beta)])
    assert first == ()
    assert [str(each.claim.id) for each in second or ()] == [execution]


def test_an_execution_that_cannot_be_made_ready_fails_and_is_in_nobodys_way(
    owner: Any, alpha: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = executors.triggered(owner, executors.job(owner, alpha.queue, retry={"max_attempts": 1}))

    def broken(*_: Any) -> Any:
        raise ValueError("nobody thought of this")

    monkeypatch.setattr(claiming.payloads, "resolve", broken)
    assert alpha.claim() == []
    assert Outcome(execution).state == State.FAILED


def test_many_wait_without_a_connection(alpha: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    open_ones: list[int] = []
    found = polls.look

    def look(wishes: Any) -> Any:
        answers = found(wishes)
        open_ones.append(connection.connection is not None and len(wishes))
        return answers

    monkeypatch.setattr(polls, "look", look)

    async def many() -> list[Any]:
        return await asyncio.gather(*(whole(Poll(wish_, 0.3)) for wish_ in wishes))

    wishes = [wish(alpha) for _ in range(50)]
    assert asyncio.run(many()) == [{"data": []}] * 50
    assert set(open_ones) == {False}


def test_too_many_that_wait_are_refused_and_a_seat_is_free_afterwards(
    alpha: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "STREAMS", {"key": 1, "tenant": 5, "process": 5})
    body = {"lease": alpha.lease, "wait_seconds": 1}
    with polls_taken(alpha):
        refused = alpha.post(f"executors/{alpha.id}/claim", body)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "5")
    assert alpha.post(f"executors/{alpha.id}/claim", body).status_code == 200


class polls_taken:  # noqa: N801 - reads as a block
    """Somebody waits with the same key."""

    def __init__(self, of: Played) -> None:
        self._poll = Poll(wish(of), 30)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: Any) -> None:
        self._poll.leave()


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("lease", "x"), ("max", 0), ("max", 51), ("wait_seconds", 31), ("wait_seconds", -1), ("lease", None)],
)
def test_a_wish_that_is_wrong_is_refused_by_its_field(alpha: Played, field: str, wrong: Any) -> None:
    answer = alpha.post(f"executors/{alpha.id}/claim", {"lease": alpha.lease, field: wrong})
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (422, [field])


def test_a_claims_answer_is_kept_nowhere(alpha: Played) -> None:
    path = f"/api/v1/executors/{alpha.id}/claim"
    answer = alpha.actor.api.ask("post", path, {"lease": alpha.lease}, Idempotency_Key="a")
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (422, ["Idempotency-Key"])
    assert alpha.actor.api.post(path, {"lease": alpha.lease})["Cache-Control"] == "no-store"
