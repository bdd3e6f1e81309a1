"""What a stream tells of one execution: its states and its log lines, in one order that every reader finds again.

    scheduled | pending queued running  line line line  retried | queued running  line  succeeded | end
    epoch 0   | epoch 1 ..................................      | epoch 2 ........................

Nothing is stored for it. Every transition moves the execution's row, whose lock lets no later one commit before
an earlier one; and a claim raises the epoch and leaves an attempt behind. So what has been told is a number: the
epoch, and how far in it. It never turns back, whichever transaction began first, and needs no transaction to have
ended anywhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from hashlib import sha256
from typing import Any
from uuid import UUID

from jobs.rules.states import TERMINAL, State

#: Most tries that are read at once.
MOST_TRIES = 100
_ROOM = 8
#: As many claims as the column counts.
_LAST_EPOCH = 2**31 - 1
_CURSOR = re.compile(r"(0|[1-9][0-9]{0,11})-(0|[1-9][0-9]{0,17})-([0-9a-f]{8})", re.ASCII)
_BACK_IN_LINE = {"execution.released": State.PENDING, "execution.suspended": State.BLOCKED}


class Rank(IntEnum):
    """How far within an epoch. The lines of its log come between RUNNING and ENDED."""

    SCHEDULED = 1
    PENDING = 2
    QUEUED = 3
    RUNNING = 4
    ENDED = 5
    END = 6


@dataclass(frozen=True, slots=True)
class Place:
    """How much has been told: the last step, and the last line."""

    step: int = 0
    seq: int = 0

    @property
    def epoch(self) -> int:
        """The claim it lies in."""
        return self.step // _ROOM

    @property
    def is_end(self) -> bool:
        """Whether there is nothing more to tell, ever."""
        return self.step % _ROOM == Rank.END


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One claim. ``went_back``: the kind of the event with which the execution went on, None if it did not or is running."""

    epoch: int
    number: int
    state: str
    worker: str
    queued_at: datetime | None
    started_at: datetime
    finished_at: datetime | None
    error_code: str
    error_message: str
    went_back: str | None
    again_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """An execution as one statement found it, with its tries from the place's epoch on."""

    state: State
    attempt: int
    epoch: int
    was_held: bool
    reason: str
    scheduled_for: datetime | None
    created_at: datetime
    ripened_at: datetime | None
    queued_at: datetime | None
    finished_at: datetime | None
    error_code: str
    error_message: str
    error_fingerprint: str
    tries: Sequence[Try] = ()

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.state in TERMINAL

    @property
    def last_epoch(self) -> int:
        """The one it ended in, or is in: a waiting one is on its way to the next."""
        return self.epoch if self.was_held else self.epoch + 1

    @property
    def all_tries(self) -> bool:
        """Whether no try is left to read."""
        return len(self.tries) < MOST_TRIES or self.tries[-1].epoch >= self.epoch


@dataclass(frozen=True, slots=True)
class Told:
    """One thing to tell, and how much has been told with it."""

    name: str
    place: Place
    data: dict[str, Any] = field(default_factory=dict)


def cursor(execution_id: UUID, place: Place) -> str:
    """A place as an event's id. It belongs to one execution, and shows if it was altered."""
    return f"{place.step}-{place.seq}-{_check(execution_id, place)}"


def parse(execution_id: UUID, text: str) -> Place:
    """The place that an event's id names; raises ValueError for any text that is not one of this execution's."""
    match = _CURSOR.fullmatch(text)
    place = Place(int(match[1]), int(match[2])) if match else Place()
    if match is None or match[3] != _check(execution_id, place) or place.epoch > _LAST_EPOCH:
        raise ValueError("not an id of this execution's events")
    return place


def _check(execution_id: UUID, place: Place) -> str:
    return sha256(f"{execution_id} {place.step} {place.seq}".encode()).hexdigest()[:8]


def tell(facts: Facts, lines: Sequence[dict[str, Any]], place: Place, *, all_lines: bool) -> Iterator[Told]:
    """What comes after ``place``: steps, and the lines that were read after it, each where it belongs.

    ``lines`` carry ``epoch`` and ``seq``, in order; unless they are all, nothing is told that comes after the rest.
    """
    waiting = [line for line in lines if line["epoch"] <= facts.epoch]
    for step, data in _steps(facts, place.step):
        while waiting and _precedes(waiting[0]["epoch"], step):
            place = Place(place.step, waiting[0]["seq"])
            yield _line(waiting.pop(0), place)
        if not all_lines and not waiting:
            return
        place = Place(step, place.seq)
        yield Told("state", place, data)
    for line in waiting:
        place = Place(place.step, line["seq"])
        yield _line(line, place)
    if facts.is_over and facts.all_tries and all_lines and not place.is_end:
        yield Told("end", Place(_step(facts.last_epoch, Rank.END), place.seq))


def in_one_piece(lines: Sequence[dict[str, Any]], seq: int) -> list[dict[str, Any]]:
    """The lines up to the first gap: what is missing there is on its way, in a transaction that commits late."""
    whole: list[dict[str, Any]] = []
    for line in lines:
        if line["seq"] > seq + 1:
            break
        whole.append(line)
        seq = line["seq"]
    return whole


def _precedes(epoch: int, step: int) -> bool:
    return _step(epoch, Rank.RUNNING) < step


def _step(epoch: int, rank: Rank) -> int:
    return epoch * _ROOM + rank


def _line(line: dict[str, Any], place: Place) -> Told:
    return Told("log", place, {name: value for name, value in line.items() if name != "epoch"})


def _steps(facts: Facts, after: int) -> Iterator[tuple[int, dict[str, Any]]]:
    return ((step, data) for step, data in _all_steps(facts) if step > after)


def _all_steps(facts: Facts) -> Iterator[tuple[int, dict[str, Any]]]:
    first = State.BLOCKED if facts.state == State.BLOCKED and not facts.epoch else State.SCHEDULED
    slot = {"scheduled_for": instant(facts.scheduled_for)} if facts.scheduled_for else {}
    yield _step(0, Rank.SCHEDULED), _state(first, facts.created_at, 1, **slot)
    if facts.ripened_at and facts.state != State.SKIPPED:
        yield _step(1, Rank.PENDING), _state(State.PENDING, facts.ripened_at, 1)
    for attempt in facts.tries:
        yield from _of_try(attempt)
    if not facts.all_tries:
        return
    if facts.queued_at and not facts.was_held:
        yield _step(facts.last_epoch, Rank.QUEUED), _state(State.QUEUED, facts.queued_at, facts.attempt)
    if facts.is_over:
        yield _step(facts.last_epoch, Rank.ENDED), _ending(facts)


def _of_try(tried: Try) -> Iterator[tuple[int, dict[str, Any]]]:
    if tried.queued_at:
        yield _step(tried.epoch, Rank.QUEUED), _state(State.QUEUED, tried.queued_at, tried.number)
    started = _state(State.RUNNING, tried.started_at, tried.number, worker=tried.worker)
    yield _step(tried.epoch, Rank.RUNNING), started
    if tried.went_back:
        state = _BACK_IN_LINE.get(tried.went_back, State.SCHEDULED)
        error = {"code": tried.error_code, "message": tried.error_message} if tried.error_code else None
        again = {"again_at": instant(tried.again_at)} if state != State.PENDING else {}
        yield (
            _step(tried.epoch, Rank.ENDED),
            _state(state, tried.finished_at, tried.number, ended=tried.state, error=error, **again),
        )


def _ending(facts: Facts) -> dict[str, Any]:
    error = {"code": facts.error_code, "message": facts.error_message, "fingerprint": facts.error_fingerprint}
    return _state(
        facts.state, facts.finished_at, facts.attempt, reason=facts.reason, error=error if facts.error_code else None
    )


def _state(state: State, at: datetime | None, attempt: int, **more: Any) -> dict[str, Any]:
    return {"state": str(state), "at": instant(at), "attempt": attempt, **more}


def instant(value: datetime | str | None) -> str | None:
    """As the rest of the API prints it."""
    if value is None:
        return None
    parsed = datetime.fromisoformat(value) if isinstance(value, str) else value
    return parsed.isoformat().replace("+00:00", "Z")
