"""Asks the database what streams of executions have to tell: many at once, in a handful of statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from jobs import sql
from jobs.rules import identity, timeline
from jobs.rules.states import State
from jobs.rules.timeline import MOST_TRIES, Facts, Place, Told, Try

#: Chunks of a log, 64 KiB each at most, that are told at once to one stream.
MOST_CHUNKS = 4


@dataclass(frozen=True, slots=True)
class Wish:
    """To know what an execution has done after ``place``."""

    execution_id: UUID
    place: Place
    with_lines: bool


@dataclass(frozen=True, slots=True)
class News:
    """What there is to tell. ``gone``: the execution is not kept any more.

    Unless ``settled`` it is not all that is there: the rest did not fit, or waits for what commits late.
    """

    told: Sequence[Told] = ()
    settled: bool = True
    gone: bool = False


def stamps(execution_ids: Collection[UUID]) -> dict[UUID, tuple[Any, ...]]:
    """Of each execution, something that changes whenever there is more to tell of it; in the scope in force."""
    if not execution_ids:
        return {}
    ids = [*execution_ids]
    return {row.id: tuple(row) for row in sql.run("watch", ids=ids, **_bounds(ids))}


def news(wishes: Sequence[Wish]) -> list[News]:
    """What to tell for each wish, in their order, of the tenant in scope."""
    if not wishes:
        return []
    ids = [wish.execution_id for wish in wishes]
    epochs = [wish.place.epoch for wish in wishes]
    # The states first: of one that is found ended, all lines are stored.
    rows = sql.run("timelines", ids=ids, epochs=epochs, most=MOST_TRIES, **_bounds(ids))
    facts = {row.place - 1: _facts(row) for row in rows}
    chunks = _chunks(wishes)
    return [
        _news(wish, facts[number], chunks[number]) if number in facts else News(gone=True)
        for number, wish in enumerate(wishes)
    ]


def _news(wish: Wish, facts: Facts, chunks: Sequence[Any]) -> News:
    lines = [line for chunk in chunks[:MOST_CHUNKS] for line in _lines(chunk, wish.place.seq)]
    all_chunks = len(chunks) <= MOST_CHUNKS
    whole = lines if facts.is_over else timeline.in_one_piece(lines, wish.place.seq)
    all_lines = all_chunks and len(whole) == len(lines)
    told = [*timeline.tell(facts, whole, wish.place, all_lines=all_lines)]
    return News(told, settled=all_lines and facts.all_tries)


def _chunks(wishes: Sequence[Wish]) -> dict[int, list[Any]]:
    """By the number of the wish; one chunk more than is told shows that there are more."""
    found: dict[int, list[Any]] = defaultdict(list)
    wanted = [number for number, wish in enumerate(wishes) if wish.with_lines]
    if wanted:
        ids = [wishes[number].execution_id for number in wanted]
        seqs = [wishes[number].place.seq for number in wanted]
        for chunk in sql.run("lines_after", ids=ids, seqs=seqs, most=MOST_CHUNKS + 1, **_bounds(ids)):
            found[wanted[chunk.place - 1]].append(chunk)
    return found


def _lines(chunk: Any, after: int) -> list[dict[str, Any]]:
    return [
        {"epoch": chunk.epoch, "seq": seq, "attempt": chunk.attempt, "at": timeline.instant(at), "level": level,
         "stream": stream, "message": message}
        for seq, (at, level, stream, message) in enumerate(chunk.lines, chunk.first_seq)
        if seq > after
    ]  # fmt: skip


def _facts(row: Any) -> Facts:
    columns = row._asdict()
    del columns["place"]
    tries = [_try(each) for each in columns.pop("tries")]
    return Facts(**{**columns, "state": State(row.state)}, tries=tries)


def _try(row: dict[str, Any]) -> Try:
    times = {name: datetime.fromisoformat(row[name]) if row[name] else None for name in _TIMES}
    return Try(**{**row, **times})


_TIMES = ("queued_at", "started_at", "finished_at")


def _bounds(ids: Sequence[UUID]) -> dict[str, list[UUID]]:
    """Ids of what belongs to an execution begin with its milliseconds."""
    firsts = [identity.milliseconds(each) << 80 for each in ids]
    return {"lows": [UUID(int=first) for first in firsts], "highs": [UUID(int=first + (1 << 80)) for first in firsts]}
