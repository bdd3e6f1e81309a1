"""What operations do to executions: one module per kind.

A further kind is one module with a class like these and its name in :data:`KINDS`. The engine takes the steps
(jobs.engine.operations), in the name of whoever asked.
"""

from __future__ import annotations

from collections.abc import Mapping

from jobs.engine.operations import Following, Kind
from jobs.services.operation_kinds.backfill import Backfill
from jobs.services.operation_kinds.cancel import Cancel
from jobs.services.operation_kinds.discard import Discard
from jobs.services.operation_kinds.recovery import Recovery
from jobs.services.operation_kinds.redrive import Redrive
from jobs.services.operation_kinds.replay import Replay
from jobs.services.operation_kinds.skip import Skip

__all__ = ["KINDS", "OVER_EXECUTIONS"]

_OVER: tuple[Kind, ...] = (Cancel(), Skip(), Replay(), Redrive(), Discard())
_PACED: tuple[Following, ...] = (Recovery(), Backfill())
#: What is done to executions that there are.
OVER_EXECUTIONS: Mapping[str, Kind] = {kind.name: kind for kind in _OVER}
#: All: those, and what executions keep to the pace of.
KINDS: Mapping[str, Kind | Following] = {**OVER_EXECUTIONS, **{kind.name: kind for kind in _PACED}}
