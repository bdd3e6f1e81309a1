"""I7, I11, I12: answers are kept, cancels converge, tenants never meet."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.chaos.checker.claims import HELD_UP, TERMINAL
from tests.chaos.checker.evidence import INFINITY, Evidence, Execution, Operation, Violation
from tests.chaos.checker.timelines import AFTERMATH, SLACK, steps

NOT_FOUND = 404
UNEXPECTED = 500


def kept(evidence: Evidence) -> Iterator[Violation]:
    """I7: what was answered with a 2xx is there, what was refused is not, what nobody knows is there once or never."""
    yield from _definitions(evidence)
    yield from _hidden(evidence)
    yield from _unexplained(evidence)
    rows = {row.id: row for row in evidence.executions}
    made = Counter(row.operation for row in evidence.executions if row.operation is not None)
    for operation in evidence.operations:
        if operation.kind != "trigger":
            continue
        times = made[operation.number]
        if operation.outcome == "ok" and (times != 1 or operation.data.get("execution") not in rows):
            yield Violation(
                "I7", f"a trigger was answered {operation.status} and has {times} executions", operation.target
            )
        if operation.outcome == "fail" and times:
            yield Violation(
                "I7", f"a trigger was refused with {operation.status} and has {times} executions", operation.target
            )
        if operation.outcome == "info" and times > 1:
            yield Violation("I7", f"a trigger whose answer was lost has {times} executions", operation.target)
    known = {operation.number for operation in evidence.operations if operation.kind == "trigger"}
    for row in evidence.executions:
        if row.trigger == "manual" and row.operation not in known:
            yield Violation("I3", "a manual execution that nobody asked for", row.id)


def _definitions(evidence: Evidence) -> Iterator[Violation]:
    taken = steps(operation for operation in evidence.operations if operation.kind in ("create", "delete"))
    created = {step.target for step in taken if step.kind == "create"}
    known = {step.target for step in taken if step.kind == "create" and step.number}
    deleted = {step.target for step in taken if step.kind == "delete" and step.number}
    count = Counter(job.name for job in evidence.stored_jobs)
    states = {job.name: job.state for job in evidence.stored_jobs}
    schedules = Counter(row.job for row in evidence.stored_schedules)
    for name, job in evidence.jobs.items():
        if name in known and not count[name]:
            yield Violation("I7", "a job whose creation was answered is not there", name)
        if count[name] > 1 or (count[name] and name not in created):
            yield Violation(
                "I7", f"{count[name]} jobs of this name, created {'once' if name in created else 'never'}", name
            )
        if count[name] and (states[name] == "deleted") != (name in deleted) and not _unresolved(evidence, name):
            yield Violation("I7", f"the job is {states[name]}", name)
        for stored in evidence.stored_jobs:
            if stored.name == name and schedules[stored.id] != len(job.schedules):
                yield Violation("I7", f"made with {len(job.schedules)} schedules, has {schedules[stored.id]}", name)


def _hidden(evidence: Evidence) -> Iterator[Violation]:
    """Its owner is not told that a job does not exist while it surely does."""
    taken = steps(operation for operation in evidence.operations if operation.kind in ("create", "delete"))
    made = {step.target: step.settled for step in taken if step.kind == "create" and step.number}
    gone = {step.target: step.began for step in taken if step.kind == "delete"}
    for operation in evidence.operations:
        name = operation.target.partition("#")[0]
        there = made.get(name, INFINITY) < operation.began and operation.ended < gone.get(name, INFINITY)
        if operation.status == NOT_FOUND and there and operation.kind != "trespass":
            yield Violation("I7", f"a {operation.kind} was answered 404 while the job was there", name)


def _unexplained(evidence: Evidence) -> Iterator[Violation]:
    """A server that is away is a 503; a 500 with no fault about is an error nobody has thought of."""
    for operation in evidence.operations:
        near = any(
            fault.began <= operation.ended and operation.began <= fault.ended + AFTERMATH for fault in evidence.faults
        )
        if operation.status == UNEXPECTED and not near:
            yield Violation("I7", f"a {operation.kind} was answered 500 while nothing was wrong", operation.target)


def _unresolved(evidence: Evidence, name: str) -> bool:
    own = [operation for operation in evidence.operations if operation.target == name and operation.kind == "delete"]
    return bool(own) and own[-1].outcome == "info"


def cancelled(evidence: Evidence) -> Iterator[Violation]:
    """I11: after a cancel was answered no attempt begins, and a running one ends within its grace."""
    rows = {row.id: row for row in evidence.executions}
    attempts = defaultdict(list)
    for attempt in evidence.attempts:
        attempts[attempt.execution].append(attempt)
    for operation in evidence.operations:
        row = rows.get(str(operation.data.get("execution")))
        if operation.kind != "cancel" or operation.outcome != "ok" or row is None:
            continue
        yield from _no_further(operation, row, attempts[row.id])
        allowed = operation.ended + evidence.limits.grace + _put_off(evidence, operation.ended)
        for run in evidence.runs:
            if run.execution == row.id and run.ended > allowed:
                yield Violation(
                    "I11", f"attempt {run.attempt} ended {run.ended - operation.ended:.1f} s after the cancel", row.id
                )
        if row.state not in TERMINAL:
            yield Violation("I11", f"cancelled and still {row.state}", row.id)


def _no_further(operation: Operation, row: Execution, attempts: list) -> Iterator[Violation]:
    for attempt in attempts:
        if attempt.started_at > operation.ended + SLACK:
            yield Violation(
                "I11",
                f"attempt {attempt.number} began {attempt.started_at - operation.ended:.1f} s after the cancel",
                row.id,
            )


def _put_off(evidence: Evidence, at: float) -> float:
    """Faults that are about when a cancel is answered: until they are over, and the lease they may have cost."""
    latest = max(
        (
            one.ended
            for one in evidence.faults
            if one.began <= at + evidence.limits.grace and one.ended + evidence.limits.lease >= at
        ),
        default=at,
    )
    held = any(one.kind.startswith(HELD_UP) for one in evidence.faults if one.began <= at <= one.ended)
    return latest - at + (evidence.limits.lease if held or latest > at else 0.0)


def separated(evidence: Evidence) -> Iterator[Violation]:
    """I12: a run reports as its row's tenant, a row's job is its tenant's, and no answer held another's rows."""
    rows = {row.id: row for row in evidence.executions}
    jobs = {job.id: job for job in evidence.stored_jobs}
    for run in evidence.runs:
        row = rows.get(run.execution)
        if row is None:
            yield Violation(
                "I3", f"the witness saw attempt {run.attempt} of an execution that is not on record", run.execution
            )
        elif (run.tenant, run.job) != (row.tenant, jobs[row.job].name if row.job in jobs else ""):
            yield Violation("I12", f"{row.tenant}'s execution ran the work of {run.job} of {run.tenant}", run.execution)
    for row in evidence.executions:
        if row.job not in jobs or jobs[row.job].tenant != row.tenant:
            yield Violation("I12", f"{row.tenant}'s execution is of another tenant's job", row.id)
    for operation in evidence.operations:
        for seen in operation.data.get("seen", ()):
            owner = rows[seen].tenant if seen in rows else jobs[seen].tenant if seen in jobs else operation.tenant
            if owner != operation.tenant:
                yield Violation("I12", f"an answer to {operation.tenant} held a row of {owner}", seen)
        if operation.kind == "trespass" and operation.outcome == "ok":
            yield Violation(
                "I12", f"{operation.tenant} was shown another tenant's {operation.target}", operation.target
            )
