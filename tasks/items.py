"""How the items of an attempt ended: as its result, as its failure, and as what the next attempt goes on from.

Attempts of one execution have the same items in the same order, so a place names an item in all of them. A failed
attempt says which have succeeded by then, in ranges such as ``0-4,7``: 25 KiB at most for ten thousand items.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobs.handlers import HandlerError, Json, PermanentFailure, RetryLater
from jobs.rules.codes import Failure
from tasks import foreign
from tasks.fan_out import Outcome

#: Of a failure; who wants all of them looks at the items themselves.
MOST_NAMED = 5
MOST_ERROR_CHARS = 300
#: Of a failed attempt's result, for the attempt after it.
SUCCEEDED = "succeeded_items"


@dataclass(frozen=True)
class Earlier:
    """The items that succeeded in earlier attempts, and the results of theirs that were kept."""

    items: frozenset[int] = frozenset()
    results: Mapping[int, Json] = field(default_factory=dict)


def earlier(result: Json) -> Earlier:
    """What the result of the attempt before says; nothing if there was none."""
    if not isinstance(result, dict) or SUCCEEDED not in result:
        return Earlier()
    kept = {entry["item"]: entry["result"] for entry in result["results"] if "result" in entry}
    return Earlier(frozenset(_places(result[SUCCEEDED])), kept)


def summary(outcomes: Sequence[Outcome], count: int, before: Earlier) -> dict[str, Any]:
    """Counts, and each item's result or error as far as a result may be long: failures first."""
    failed = sum(outcome.error is not None for outcome in outcomes)
    ended = len(outcomes) + len(before.items)
    told: dict[str, Any] = {
        "items": count,
        "succeeded": ended - failed,
        "failed": failed,
        "not_started": count - ended,
    }
    if failed:
        done = {outcome.index for outcome in outcomes if outcome.error is None}
        told[SUCCEEDED] = _ranges(done | before.items)
    known = [*outcomes, *(Outcome(index, result=value) for index, value in before.results.items())]
    entries = _entries(known, foreign.ENCODED_CHARS - len(json.dumps(told)))
    return {**told, "results": entries, "omitted": ended - len(entries)}


def failure(outcomes: Sequence[Outcome], count: int, result: Json) -> HandlerError | None:
    """What the failed items make of the attempt."""
    failed = {outcome.index: outcome.error for outcome in outcomes if isinstance(outcome.error, HandlerError)}
    if not failed:
        return None
    named = ", ".join(f"items[{index}] ({_words(error)})" for index, error in [*failed.items()][:MOST_NAMED])
    more = f" and {len(failed) - MOST_NAMED} more" if len(failed) > MOST_NAMED else ""
    message = f"{len(failed)} of {count} items failed: {named}{more}"
    errors = list(failed.values())
    tags = {tag for error in errors for tag in error.tags}
    codes = {error.code for error in errors}
    code = codes.pop() if len(codes) == 1 else Failure.EXECUTION_FAILED
    if all(isinstance(error, PermanentFailure) for error in errors):
        return PermanentFailure(message, code=code, tags=tags, result=result)
    if delays := [error.delay for error in errors if isinstance(error, RetryLater)]:
        return RetryLater(message, delay=max(delays), code=code, tags=tags, result=result)
    return HandlerError(message, code=code, tags=tags, result=result)


def _entries(outcomes: Sequence[Outcome], left: int) -> list[dict[str, Json]]:
    """As many as fit into so many characters, in the items' order."""
    entries: list[dict[str, Json]] = []
    for outcome in sorted(outcomes, key=lambda outcome: (outcome.error is None, outcome.index)):
        entry = {"item": outcome.index, **_told(outcome)}
        left -= len(json.dumps(entry)) + 2
        if left < 0:
            break
        entries.append(entry)
    return sorted(entries, key=lambda entry: entry["item"])


def _told(outcome: Outcome) -> dict[str, Json]:
    return {"result": outcome.result} if outcome.error is None else {"error": _words(outcome.error)}


def _words(error: BaseException) -> str:
    return foreign.storable(str(error)[:MOST_ERROR_CHARS])


def _ranges(places: Collection[int]) -> str:
    """Places as ``0-4,7``."""
    runs: list[list[int]] = []
    for place in sorted(places):
        if runs and place == runs[-1][1] + 1:
            runs[-1][1] = place
        else:
            runs.append([place, place])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def _places(ranges: str) -> list[int]:
    """Ranges as the places they name."""
    found: list[int] = []
    for run in filter(None, ranges.split(",")):
        first, _, last = run.partition("-")
        found.extend(range(int(first), int(last or first) + 1))
    return found
