"""What became of some slots of a schedule: by the schedule itself, by backfills, and by replays of either."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from jobs import sql
from jobs.models import Schedule
from jobs.rules import backfills, identity
from jobs.rules.backfills import Run
from jobs.rules.slots import Slot
from jobs.rules.states import State

_MILLISECOND = timedelta(milliseconds=1)


def of_instants(schedule: Schedule, instants: Sequence[datetime]) -> list[Any]:
    """What was made for these slots but skipped rows: rows with at, id, state, started, made_at."""
    if not instants:
        return []
    lows = [identity.floor_id(at) for at in instants]
    highs = [identity.floor_id(at + _MILLISECOND) for at in instants]
    return sql.run(
        "runs_of_slots", tenant_id=schedule.tenant_id, schedule_id=schedule.pk, slots=list(instants), lows=lows, highs=highs
    )  # fmt: skip


def standings(schedule: Schedule, slots: Sequence[Slot]) -> Mapping[datetime, str]:
    """How each of these slots stands: see :func:`jobs.rules.backfills.standing`."""
    rows = of_instants(schedule, [slot.at for slot in slots])
    at = {row.id: row.at for row in rows}
    runs: dict[datetime, list[Run]] = defaultdict(list)
    for row in rows:
        runs[row.at].append(_run(row))
    if failed := [row.id for row in rows if row.state in (State.FAILED, State.CANCELLED)]:
        for row in sql.run("replays_of", tenant_id=schedule.tenant_id, ids=failed):
            runs[at[row.root]].append(_run(row))
    return {slot.at: backfills.standing(runs[slot.at]) for slot in slots}


def _run(row: Any) -> Run:
    return Run(state=row.state, started=row.started, made_at=row.made_at)
