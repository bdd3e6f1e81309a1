"""What open streams are told, over a real database: nothing twice, nothing never, whoever commits last."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from django.db import OperationalError

from jobs import sql, timelines
from jobs.api.streams import rounds
from jobs.api.streams.rounds import Asked
from jobs.rules import timeline
from jobs.rules.timeline import Place
from jobs.timelines import Wish
from tenants.requests import Actor
from tests.support import actors, rows
from tests.support.engine_hand import Hand

EVERYTHING = frozenset({"executions:read", "logs:read", "payloads:read"})


@pytest.fixture
def hands() -> Iterator[list[Hand]]:
    made = [Hand(), Hand()]
    yield made
    for hand in made:
        hand.close()


class Reader:
    """One stream, whose connection may break anywhere."""

    def __init__(
        self, owner: Any, execution: Any, *, granted: frozenset[str] = EVERYTHING, with_lines: bool = True
    ) -> None:
        actor = Actor("key:test", granted, owner.tenant)
        self._asked = Asked(actor, owner.tenant.pk, Wish(execution, Place(), with_lines))
        self.told: list[Any] = []
        self.is_over = False

    def look(self, cut: Random | None = None) -> list[Any]:
        """Ask once; with ``cut`` only some of the answer arrives, and the next ask goes on after that."""
        (got,) = rounds.look([self._asked])
        if got is None:
            return []
        events = parsed(got.sent)
        if cut is not None:
            events = events[: cut.randrange(len(events) + 1)]
        self.told += events
        self.is_over = bool(events) and events[-1][0] == "end"
        if events:
            wish = self._asked.wish
            place = timeline.parse(wish.execution_id, events[-1][1])
            stamp = got.stamp if cut is None else None
            self._asked = Asked(
                self._asked.actor, self._asked.tenant_id, Wish(wish.execution_id, place, wish.with_lines), stamp
            )
        return events


def parsed(sent: bytes) -> list[Any]:
    """(name, id, data) of each event."""
    blocks = [block.split("\n") for block in sent.decode().split("\n\n") if block]
    fields = [dict(line.split(": ", 1) for line in block) for block in blocks]
    return [(each["event"], each.get("id"), json.loads(each["data"])) for each in fields]


def states(events: list[Any]) -> list[str]:
    return [data["state"] for name, _, data in events if name == "state"]


def seqs(events: list[Any]) -> list[int]:
    return [data["seq"] for name, _, data in events if name == "log"]


def test_a_life_is_told_as_it_happens_and_again_from_the_start(owner, hands):
    execution = rows.execution(rows.job(owner.tenant.id))
    reader, (hand, _) = Reader(owner, execution), hands
    assert states(reader.look()) == ["scheduled"]
    assert reader.look() == []
    hand.queue(execution).commit()
    assert states(reader.look()) == ["pending", "queued"]
    hand.claim(execution).log(execution, 1, 1, 2).commit()
    assert [name for name, _, _ in reader.look()] == ["state", "log", "log"]
    hand.retry(execution, 1, 3, 1).commit()
    hand.queue(execution).claim(execution).succeed(execution, 2, 4, 1).commit()
    assert [name for name, _, _ in reader.look()] == ["log", "state", "state", "state", "log", "state", "end"]
    assert states(reader.told) == [
        "scheduled",
        "pending",
        "queued",
        "running",
        "scheduled",
        "queued",
        "running",
        "succeeded",
    ]
    (end,) = [data for name, _, data in reader.told if name == "end"]
    assert (end["execution"]["state"], end["execution"]["result"], end["execution"]["id"]) == (
        "succeeded",
        {"a": 1},
        str(execution),
    )
    again = Reader(owner, execution)
    again.look()
    assert again.told == reader.told


def test_who_commits_last_with_the_oldest_transaction_is_neither_missed_nor_told_twice(owner, hands):
    execution = rows.execution(rows.job(owner.tenant.id))
    old, new = hands
    reader = Reader(owner, execution)
    old.begin()
    new.queue(execution).claim(execution).log(execution, 1, 1, 1).commit()
    assert states(reader.look()) == ["scheduled", "pending", "queued", "running"]
    old.retry(execution, 1, 2, 2)
    assert reader.look() == []
    old.commit()
    assert [name for name, _, _ in reader.look()] == ["log", "log", "state"]
    old.begin()
    new.queue(execution).claim(execution).commit()
    old.succeed(execution, 2).commit()
    assert states(reader.look()) == ["queued", "running", "succeeded"]
    again = Reader(owner, execution)
    again.look()
    assert again.told == reader.told


def test_lines_that_commit_late_are_waited_for(owner, hands):
    execution = rows.execution(rows.job(owner.tenant.id), "queued", queued_at=rows.now())
    old, new = hands
    new.claim(execution).commit()
    old.begin().log(execution, 1, 1, 3)
    new.log(execution, 1, 4, 2).commit()
    reader = Reader(owner, execution)
    assert seqs(reader.look()) == []
    assert reader.look() == []
    old.commit()
    assert seqs(reader.look()) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("seed", range(4))
def test_cut_anywhere_it_goes_on_where_it_was(owner, hands, seed):
    random = Random(seed)
    execution = rows.execution(rows.job(owner.tenant.id))
    whole, broken = Reader(owner, execution), Reader(owner, execution)
    hand, late = hands
    steps = [
        lambda: hand.queue(execution).commit(),
        lambda: (late.begin(), hand.claim(execution).log(execution, 1, 1, 3).commit()),
        lambda: late.log(execution, 1, 4, 2),
        lambda: hand.log(execution, 1, 6, 1).commit(),
        late.commit,
        lambda: (late.begin(), hand.retry(execution, 1, 7, 1).commit()),
        lambda: hand.queue(execution).claim(execution).commit(),
        lambda: late.succeed(execution, 2, 8, 2).commit(),
    ]
    for step in steps:
        step()
        whole.look()
        if random.random() < 0.6:
            broken.look(random)
    while not broken.is_over:
        broken.look(random)
    assert broken.told == whole.told
    assert seqs(whole.told) == [*range(1, 10)]


def test_a_long_log_comes_in_pages_and_whole(owner, hands):
    execution = rows.execution(rows.job(owner.tenant.id), "queued", queued_at=rows.now())
    hand = hands[0].claim(execution)
    for first in range(1, 100, 10):
        hand.log(execution, 1, first, 10)
    hand.succeed(execution, 1).commit()
    reader = Reader(owner, execution)
    assert states(reader.look()) == ["scheduled", "queued", "running"]
    while not reader.is_over:
        assert reader.look()
    assert seqs(reader.told) == [*range(1, 101)]
    assert states(reader.told)[-1] == "succeeded"


def test_cancelled_while_queued_says_that_it_was_queued(owner, hands):
    execution = rows.execution(rows.job(owner.tenant.id))
    hands[0].queue(execution).commit()
    rows.change("UPDATE execution SET state = 'cancelled', finished_at = now() WHERE id = %s", execution)
    reader = Reader(owner, execution)
    reader.look()
    assert states(reader.told) == ["scheduled", "pending", "queued", "cancelled"]


def test_lines_and_results_only_for_who_may_see_them(owner, hands):
    execution = rows.execution(rows.job(owner.tenant.id), "queued", queued_at=rows.now())
    hands[0].claim(execution).log(execution, 1, 1, 2).succeed(execution, 1).commit()
    reader = Reader(owner, execution, granted=frozenset({"executions:read"}), with_lines=False)
    events = reader.look()
    assert seqs(events) == []
    assert events[-1][2]["execution"]["result"] is None
    assert events[-1][2]["execution"]["payload"] is None


def test_a_thousand_quiet_streams_of_many_tenants_are_one_statement(owner, monkeypatch):
    of = [(actors.owner().tenant, rows.job) for _ in range(5)]
    asked = []
    for tenant, job in of:
        made = job(tenant.pk)
        for _ in range(10):
            asked.append(
                Asked(Actor("key:x", EVERYTHING, tenant), tenant.pk, Wish(rows.execution(made), Place(), True))
            )
    first = rounds.look(asked)
    asked = [
        Asked(a.actor, a.tenant_id, Wish(a.wish.execution_id, got.place, True), got.stamp)
        for a, got in zip(asked, first, strict=True)
    ]
    ran: list[str] = []
    run = sql.run
    monkeypatch.setattr(sql, "run", lambda name, **parameters: ran.append(name) or run(name, **parameters))
    assert set(rounds.look(asked * 20)) == {None}
    assert ran == ["watch"]


def test_an_execution_that_is_kept_no_longer_ends_its_stream(owner):
    execution = rows.execution(rows.job(owner.tenant.id))
    reader = Reader(owner, execution)
    reader.look()
    rows.change("DELETE FROM execution WHERE id = %s", execution)
    (got,) = rounds.look([reader._asked])
    assert got.is_over
    assert parsed(got.sent)[0][2]["code"] == "NOT_FOUND"


def test_many_that_end_at_once_are_read_in_pages(owner, monkeypatch):
    monkeypatch.setattr(rounds, "PAGE", 5)
    job = rows.job(owner.tenant.id)
    actor = Actor("key:test", EVERYTHING, owner.tenant)
    ended = [rows.execution(job, "succeeded") for _ in range(12)]
    ran: list[str] = []
    run = sql.run
    monkeypatch.setattr(sql, "run", lambda name, **parameters: ran.append(name) or run(name, **parameters))
    got = rounds.look([Asked(actor, owner.tenant.pk, Wish(each, Place(), True)) for each in ended])
    assert all(each is not None and each.is_over for each in got)
    assert [parsed(each.sent)[-1][2]["execution"]["id"] for each in got] == [str(each) for each in ended]
    assert ran.count("timelines") == 3


def test_what_cannot_be_read_keeps_nothing_from_others(owner, outsider, monkeypatch):
    asked = [
        Asked(Actor("key:test", EVERYTHING, of.tenant), of.tenant.pk, Wish(rows.execution(rows.job(of.tenant.id)), Place(), True))
        for of in (owner, outsider)
    ]  # fmt: skip
    news = timelines.news

    def failing(wishes):
        if wishes[0].execution_id == asked[0].wish.execution_id:
            raise OperationalError("took too long")
        return news(wishes)

    monkeypatch.setattr(timelines, "news", failing)
    first, second = rounds.look(asked)
    assert first is None
    assert states(parsed(second.sent)) == ["scheduled"]
