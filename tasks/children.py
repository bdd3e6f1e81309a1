"""How the children of an attempt ended, as its result and as its failure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from jobs.handlers import HandlerError, PermanentFailure
from jobs.rules.states import State
from jobs.rules.sub_runs import Ended, EndedChild
from jobs.rules.workflow_runs import RunState
from tasks import foreign

#: Of a failure; who wants all of them looks at the workflow run.
MOST_NAMED = 5


def counts(ended: Ended) -> dict[str, int]:
    """How many there are, and how many ended in which state."""
    states = Counter(child.state for child in ended.children)
    return {"children": len(ended.children), **{str(state): states[state] for state in _STATES}}


_STATES = (State.SUCCEEDED, State.FAILED, State.CANCELLED, State.SKIPPED)


def within(told: dict[str, Any], entries: Sequence[Any], *, left_out: bool) -> tuple[int, bool]:
    """How many of the entries fit into a result beside what is ``told``, and whether something of them is missing."""
    left = foreign.ENCODED_CHARS - len(json.dumps(told)) - 100
    for count, entry in enumerate(entries):
        left -= len(json.dumps(entry)) + 2
        if left < 0:
            return count, True
    return len(entries), left_out


def refuse_cancelled(ended: Ended, told: Any) -> None:
    """What somebody has cancelled is not tried again."""
    if ended.state == RunState.CANCELLED:
        raise PermanentFailure("its children were cancelled", result=told)


def failure(ended: Ended, what: str, told: Any) -> HandlerError:
    """What failed, by name."""
    failed = [child for child in ended.children if child.state in (State.FAILED, State.CANCELLED)]
    wanting = failed or [child for child in ended.children if child.state == State.SKIPPED]
    named = "; ".join(_said(child) for child in wanting[:MOST_NAMED])
    more = f" and {len(wanting) - MOST_NAMED} more" if len(wanting) > MOST_NAMED else ""
    verb = "failed" if failed else "did not run"
    codes = {child.error_code for child in failed if child.error_code}
    tags = {f"child:{code}" for code in codes}
    return HandlerError(f"{len(wanting)} of {len(ended.children)} {what} {verb}: {named}{more}", tags=tags, result=told)


def _said(child: EndedChild) -> str:
    why = child.error_message or child.reason or child.state
    return f"{child.step} ({child.error_code}: {why})" if child.error_code else f"{child.step} ({why})"
