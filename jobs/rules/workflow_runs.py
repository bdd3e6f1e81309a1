"""The states of a workflow run.

planned ──its root is due──► running ──all its steps have ended──► succeeded, failed, cancelled, skipped
                                ▲───────── resumed, rerun ─────────┘
"""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """Where a run stands."""

    PLANNED = "planned"  # its root is not due yet
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"  # its root did not run


TERMINAL = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED, RunState.SKIPPED})


def allowed_actions(
    state: str, *, of_parent: bool = False, cancelling: bool = False, went_wrong: bool = True
) -> tuple[str, ...]:
    """What may be asked of a run in ``state``; which of its steps it then concerns is seen when it is asked.

    While it runs there is something to resume only if a step of it ``went_wrong``, and nothing runs again in one that
    is being cancelled.

    The children of an execution run again only with it: whoever wants that retries the parent.
    """
    if of_parent:
        return ("cancel", "skip") if state == RunState.RUNNING else ()
    match RunState(state):
        case RunState.PLANNED:
            return ("cancel",)
        case RunState.RUNNING:
            again = () if cancelling else ("resume", "rerun") if went_wrong else ("rerun",)
            return ("cancel", *again, "skip")
        case RunState.FAILED | RunState.CANCELLED:
            return ("resume", "rerun")
        case RunState.SUCCEEDED:
            return ("rerun",)
    return ()
