"""The product with one thing wrong at a time: what the checker must catch.

A graft names a module and changes it once it is loaded. Statements are changed by name and by a pattern
of the guard that goes; one whose pattern is not found stops the process, so a mutant never passes for
caught, or missed, because it is none.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tests.chaos.mutants.grafting import Graft

#: A lease of five seconds, looked after each second: a mutant is to be caught in seconds.
LEASE = 5.0


@dataclass(frozen=True)
class Mutant:
    """``caught_by``: invariants any of which convicts it. ``scenario``: one of :mod:`tests.chaos.mutants.scenarios`."""

    what: str
    scenario: str
    caught_by: Sequence[str]
    grafts: Sequence[tuple[str, Graft]]


def constants(**values: Any) -> Graft:
    """Other values for a module's names."""

    def change(module: Any) -> None:
        for name, value in values.items():
            assert hasattr(module, name), f"{module.__name__} has no {name} any more"
            setattr(module, name, value)

    return change


def statement(name: str, pattern: str, replacement: str) -> tuple[str, Graft]:
    """Another text of a named statement."""

    def change(module: Any) -> None:
        texts = dict(module.statements())
        text, found = re.subn(pattern, replacement, texts[name])
        assert found, f"{pattern!r} is not in statement {name} any more: write its mutant anew"
        texts[name] = text
        module.statements = lambda: texts

    return ("jobs.sql", change)


QUICK: Sequence[tuple[str, Graft]] = (("tasks.engine_process", constants(SWEEP_EVERY=1.0)),)

_STATE = r"AND\s+(\w+\.)?state\s*=\s*ANY\(%\(sources\)s(::\w+\[\])?\)"
_EPOCH = r"AND\s+(\w+\.)?epoch\s*=\s*(%\(epoch\)s|\w+\.epoch)"


def _publish_early(module: Any) -> None:
    """Messages leave inside the transaction that makes them true, and it takes its time to commit."""
    from jobs.engine import dispatch

    admit, publish = module.admit, dispatch.publish
    early: set[Any] = set()

    def admit_and_publish(**parameters: Any) -> Any:
        answer = admit(**parameters)
        publish(parameters["queue"], [dispatch.Message([row]) for row in answer[0]])
        early.update((row.id, row.attempt) for row in answer[0])
        time.sleep(0.1)
        return answer

    def publish_the_others(queue: str, messages: Any) -> int:
        rows = [row for message in messages for row in message.rows]
        left = [row for row in rows if (row.id, row.attempt) not in early or early.remove((row.id, row.attempt))]
        return publish(queue, [dispatch.Message([row]) for row in left])

    module.admit, dispatch.publish = admit_and_publish, publish_the_others


def _random_ids(module: Any) -> None:
    assert hasattr(module, "slot_id")
    version = 0x7 << 76 | 0b10 << 62
    module.slot_id = lambda _, __, ___, at: UUID(int=int(at.timestamp() * 1000) << 80 | version | secrets.randbits(62))


def _first_tenant_stays(module: Any) -> None:
    """The tenant is set for the session, by whoever comes first."""
    apply = module.apply

    def once() -> None:
        from django.db import connection

        session = connection.connection
        if not getattr(session, "carillon_told", False) and module.current().tenant_id is not None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('carillon.tenant', %s, false)", [str(module.current().tenant_id)])
            session.carillon_told = True
        elif not getattr(session, "carillon_told", False):
            apply()

    module.apply = once


MUTANTS: dict[str, Mutant] = {
    "claim-without-state": Mutant(
        "a claim takes an execution in any state", "redelivered", ("I6",), (statement("claim", _STATE, ""),)
    ),
    "claims-not-fenced": Mutant(
        "a former claim still asks, logs and finishes", "frozen", ("I5",),
        (statement("end_running", _EPOCH, ""), statement("attend", _EPOCH, "")),
    ),
    "ended-is-cancelled": Mutant(
        "an execution that has ended can be cancelled", "cancelled-too-late", ("I6",), (statement("end_waiting", _STATE, ""),)
    ),
    "blind-watchdog": Mutant(
        "the watchdog does not see that an owner is gone", "child-killed", ("I9",),
        (statement("lost_owners", r"WHERE e\.state = 'running'", "WHERE false AND e.state = 'running'"),),
    ),
    "nervous-watchdog": Mutant(
        "the watchdog takes the living for dead", "busy", ("I4",), (statement("lost_owners", r"AND \(w\.id IS NULL", "AND (true OR w.id IS NULL"),)
    ),
    "clock-of-the-worker": Mutant(
        "a lease is counted from the worker's clock, which is an hour ahead", "worker-killed", ("I9",),
        (statement("renew_lease", r"now \+ %\(lease\)s", "now + %(lease)s + interval '1 hour'"),),
    ),
    "messages-not-missed": Mutant(
        "what the broker has lost is not published again", "flushed", ("I9",),
        (("jobs.engine.watchdog", constants(publish_stranded=lambda client: 0)),),
    ),
    "publish-before-commit": Mutant(
        "messages leave before what they tell of is committed", "each-second", ("I1",), (("jobs.engine.transitions", _publish_early),)
    ),
    "plan-without-guard": Mutant(
        "planners do not lock, and slots get random ids", "each-second", ("I2",),
        (
            statement("lock_due_schedules", r"FOR NO KEY UPDATE SKIP LOCKED", ""),
            # Long enough for both to read before either writes.
            statement("lock_due_schedules", r"\nCROSS JOIN LATERAL \(SELECT \* FROM job", r"\nCROSS JOIN LATERAL (SELECT pg_sleep(0.05)) nap\g<0>"),
            ("jobs.rules.identity", _random_ids),
        ),
    ),
    "too-early": Mutant(
        "what is planned ahead runs at once", "each-second", ("I3",), (statement("ripen", r"AND not_before <= %\(now\)s", "AND %(now)s::timestamptz IS NOT NULL"),)
    ),
    "crashes-unbounded": Mutant(
        "crashes are not counted", "poison", ("I8",), (("jobs.rules.retries", constants(MAX_CRASHES=99)),)
    ),
    "cancel-not-heard": Mutant(
        "a running handler is not told of a cancel", "cancelled", ("I11",),
        (statement("attend", r"cancel_requested_at IS NOT NULL AS cancelled", "false AS cancelled"),),
    ),
    "cap-not-kept": Mutant(
        "a job's cap is not looked at", "crowd", ("I10",), (statement("admit", r"WHEN b\.total >= b\.max_running|WHEN total \+ place > max_running", "WHEN false"),)
    ),
    "overlap-not-kept": Mutant(
        "slots of a job that must not overlap do", "crowd", ("I10",),
        (statement("ripen", r"WHEN j\.overlaps", "WHEN false AND j.overlaps"), statement("admit", r"WHEN q\.overlap <> 'allow'", "WHEN false AND q.overlap <> 'allow'")),
    ),
    "tenant-of-the-session": Mutant(
        "a pooled connection keeps its first tenant", "two-tenants", ("I7", "I12"), (("tenants.context", _first_tenant_stays),)
    ),
}  # fmt: skip
