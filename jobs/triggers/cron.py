"""Schedules of kind ``cron``: the wall times of an expression.

One whose minute or hour field begins with ``*`` (Debian cron's rule), or with ``H/``, is a wildcard: it follows real
time. ``H`` is spread by the schedule's id; see :mod:`jobs.triggers.cron_spread`.
"""

from __future__ import annotations

from jobs.triggers import contract, cron_spread, cron_syntax, wall_clock

NEEDS = "expression"
spreads = cron_spread.spreads


def build(spec: contract.Spec) -> wall_clock.Trigger:
    """A cron trigger, or :class:`contract.InvalidSchedule`."""
    contract.refuse_others(spec, "cron", needs=NEEDS)
    expression = cron_syntax.parse(spec.expression, spec.schedule_id)
    return wall_clock.of(spec, expression.walls, wildcard=expression.wildcard)
