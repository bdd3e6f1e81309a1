"""Moves operations on: long work over many executions, asked for once and done step by step.

    take the one that has waited longest ─► may its author still? ─► next page ─► its kind carries it out ─► note ─► commit

A step is one short transaction that moves executions and the cursor together, so a process that dies at any point has
either done a step or not: nothing is done twice, nothing is left out. Executions that keep to an operation's pace and are no longer wanted,
since it was ended or trimmed, are skipped in such steps as well. It runs in a thread of its own, takes no more
than a hundred rows, and waits for no row that somebody else holds: planning and admission neither queue behind it
nor meet it the other way round. Engines share operations by SKIP LOCKED. What a kind does is the services'
(jobs.services.operation_kinds), which lie above: they are handed in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol, runtime_checkable
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError, transaction

from jobs import sql
from jobs.engine import canaries, paced, selection
from jobs.models import Operation
from jobs.rules import operations as rules
from jobs.rules.operations import Event, State
from tenants import authors, requests
from tenants.services import audit

#: Longest wait without looking; also how late at most a lost ring is made good.
IDLE = 1.0
#: Before what somebody else holds is looked at again, and what waits for room.
HELD, NO_ROOM = timedelta(milliseconds=50), timedelta(seconds=1)
#: Before a step is tried again that the database refused.
REFUSED = timedelta(seconds=5)
MOST_FAILURES = 20
LONGEST_MESSAGE = 500
PERMISSION = "executions:run"

_MOVED = ["done", "failed", "left_out", "failures", "waiting_on", "next_step_at", "cursor"]

log = structlog.get_logger(__name__)


class CannotGoOnError(Exception):
    """Whatever is tried: the operation fails, and this says why in a sentence's part."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one execution was refused."""

    execution: UUID
    code: str
    message: str


@dataclass(slots=True)
class Outcome:
    """What became of a page. From ``held_at`` on nothing was done: those are looked at again, and whatever is said of them."""

    done: int = 0
    #: What runs again, with what it runs as: (former, new).
    made: list[tuple[UUID, UUID]] = field(default_factory=list)
    #: Why, by execution.
    left_out: dict[UUID, str] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    held_at: UUID | None = None
    #: What that waits for; empty for a moment's lock.
    waiting_on: str = ""

    def hold(self, at: UUID | None) -> None:
        """Look again at what begins there, if it does not already begin before."""
        if at is not None and not self.is_held(at):
            self.held_at = at

    def is_held(self, execution: UUID) -> bool:
        """Whether it is looked at again."""
        return self.held_at is not None and execution.int >= self.held_at.int


class Kind(Protocol):
    """What an operation does to executions, and to which."""

    name: str
    #: Those it can be done to, and why others are left out.
    states: Sequence[str]
    unfit: str
    #: Whether it makes executions, the first few of which may decide on the rest.
    runs_again: bool

    def conditions(self, made_by: datetime) -> Mapping[str, Any]:
        """What it asks of executions beside the filter, for ``filter()``."""

    def carry_out(self, operation: Operation, ids: Sequence[UUID], now: datetime) -> Outcome:
        """Do it to these, in the open transaction, as the author; raise only what is nobody's fault but ours."""


@runtime_checkable
class Following(Protocol):
    """A kind whose executions run by themselves, at the operation's pace: they carry its id, and all end before it does."""

    name: str

    def follow(self, operation: Operation, now: datetime) -> bool:
        """Take the next step, in the open transaction and as the author: make more if it is this one that makes them, note
        how far they have come, and when to look again; whether there are none to come and all have ended."""

    def count(self, operation: Operation, now: datetime) -> bool:
        """Only note how far they have come, and when to look again; whether all have ended."""


Kinds = Mapping[str, Kind | Following]


def selected(operation: Operation, kind: Kind) -> selection.Selection:
    """The executions it is about."""
    wanted = dict(operation.conditions)
    states = [str(state) for state in wanted.pop("state__in", kind.states)]
    return selection.Selection(
        tenant_id=operation.tenant_id, states=states, conditions={**wanted, **kind.conditions(operation.created_at)},
        made_by=operation.created_at, ids=None if operation.ids is None else [UUID(key) for key in operation.ids],
        unfit=kind.unfit,
    )  # fmt: skip


def seconds_until_next(kinds: Kinds) -> float:
    """How long there is nothing to do."""
    due = sql.run("next_operation", kinds=sorted(kinds))
    return min(IDLE, max(0.0, (due[0].due_at - due[0].now).total_seconds())) if due else IDLE


def step(kinds: Kinds) -> bool:
    """The next step of the operation that has waited longest; False if none is due."""
    with transaction.atomic():
        taken = sql.run("take_operation", kinds=sorted(kinds))
        if not taken:
            return False
        operation = Operation.objects.select_related("tenant").get(pk=taken[0].id)
        try:
            with transaction.atomic():
                _move(operation, kinds[operation.kind], taken[0].now)
        except (OperationalError, InterfaceError) as error:
            # The database's trouble: another operation's turn, and this one's again later.
            log.warning("operation.step_refused", operation=str(operation.pk), problem=str(error))
            Operation.objects.filter(pk=operation.pk).update(next_step_at=taken[0].now + REFUSED)
        except CannotGoOnError as error:
            _fail(operation, taken[0].now, str(error))
        except Exception as error:
            # Whatever one holds must not hold up the others, nor be tried for ever.
            log.exception("operation.step_failed", operation=str(operation.pk))
            _fail(operation, taken[0].now, f"{type(error).__name__}: {error}")
    return True


def _move(operation: Operation, kind: Kind | Following, now: datetime) -> None:
    if operation.clearing and isinstance(kind, Following):
        paced.clear(operation, kind.count, now)
    else:
        _step(operation, kind, now)


def _fail(operation: Operation, now: datetime, because: str) -> None:
    operation.refresh_from_db()
    if rules.after(State(operation.state), Event.FAIL) is None:
        # It was being cleared, and is again later.
        Operation.objects.filter(pk=operation.pk).update(next_step_at=now + REFUSED)
    else:
        end(operation, Event.FAIL, now, because=because[:LONGEST_MESSAGE])


def _step(operation: Operation, kind: Kind | Following, now: datetime) -> None:
    author = authors.of(operation.created_by, operation.tenant, now)
    if author is None or not author.may(PERMISSION):
        end(operation, Event.DISOWN, now, because=rules.AUTHOR_LOST_RIGHTS)
        return
    if isinstance(kind, Following):
        with requests.continued(author, request_id=operation.request_id, reason=operation.reason):
            ended = kind.follow(operation, now)
        if ended:
            end(operation, Event.FINISH, now)
        return
    if canaries.is_waiting(operation):
        canaries.judge(operation, now)
        return
    size = canaries.at_most(operation, rules.at_once(operation.rate_per_second))
    page = selection.page(selected(operation, kind), after=operation.cursor, size=size)
    with requests.continued(author, request_id=operation.request_id, reason=operation.reason):
        outcome = kind.carry_out(operation, page.ids, now) if page.ids else Outcome()
    _note(operation, page, outcome, now)
    is_last = page.exhausted and outcome.held_at is None
    waits = canaries.note(operation, outcome.made, are_all=is_last)
    if is_last and not waits:
        end(operation, Event.FINISH, now)


def _note(operation: Operation, page: selection.Page, outcome: Outcome, now: datetime) -> None:
    left_out = {**page.left_out, **outcome.left_out}
    refusals = [each for each in outcome.refusals if not outcome.is_held(each.execution)]
    operation.done += outcome.done
    operation.failed += len(refusals)
    passed = Counter(why for key, why in left_out.items() if not outcome.is_held(key))
    operation.left_out = dict(Counter(operation.left_out) + passed)
    operation.failures += [_told(each) for each in refusals[: MOST_FAILURES - len(operation.failures)]]
    operation.waiting_on = outcome.waiting_on
    moved, rate = outcome.done + len(refusals), operation.rate_per_second
    operation.next_step_at = rules.next_step_at(operation.next_step_at, now, moved, rate)
    operation.cursor = page.cursor
    if outcome.held_at is not None:
        operation.cursor = UUID(int=outcome.held_at.int - 1)
        wait = NO_ROOM if outcome.waiting_on else HELD
        operation.next_step_at = max(operation.next_step_at, now + wait)
    operation.save(update_fields=_MOVED)


def _told(refusal: Refusal) -> dict[str, str]:
    return {"execution": str(refusal.execution), "code": refusal.code, "message": refusal.message[:LONGEST_MESSAGE]}


def end(operation: Operation, event: Event, now: datetime, *, because: str = "") -> None:
    """It goes no further; ``operation`` is locked. The audit trail has a row with what came of it."""
    before = State(operation.state)
    target = rules.after(before, event)
    assert target is not None, f"{event} from {before}"
    operation.state, operation.finished_at, operation.ended_because, operation.waiting_on = target, now, because, ""
    # What was to run at its pace will not: step by step, as that may be much.
    operation.clearing = event is not Event.FINISH and operation.max_active is not None
    operation.next_step_at = now
    operation.save(update_fields=["state", "finished_at", "ended_because", "waiting_on", "clearing", "next_step_at"])
    changes: dict[str, Any] = {
        "state": [before, target], "done": [0, operation.done], "failed": [0, operation.failed],
        "left_out": [0, sum(operation.left_out.values())],
    }  # fmt: skip
    if because:
        changes["ended_because"] = ["", because]
    audit.record(
        action=f"operation.{target}", object_type="operation", object_id=operation.pk, tenant=operation.tenant,
        changes=changes, reason="" if event is Event.CANCEL else operation.reason,
    )  # fmt: skip
