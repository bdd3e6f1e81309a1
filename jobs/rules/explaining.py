"""Why an execution stands where it stands: the one reason first, in a code and in words.

    facts ──► Reason, Reason, … ──► Explanation("Waiting: its job is at 3/3 in flight; position 14, about 3 min")

Pure: who asks the database is :mod:`jobs.explanations`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from jobs.rules import retries, words
from jobs.rules.codes import Absence, Code, Course, Failure, Outlook, Wait
from jobs.rules.neighbours import Neighbours
from jobs.rules.states import TERMINAL, State
from jobs.rules.waiting import Waiting
from tenants.rules import phrases

#: Of the steps before one, so many are named.
MOST_STEPS = 5
_HEADS = {State.PENDING: "Waiting", State.QUEUED: "Waiting"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """``code`` is one of :mod:`jobs.rules.codes`, or a handler's own of a failure; ``until`` when the clock alone ends it."""

    code: str
    clause: str
    advice: str = ""
    limit: int | None = None
    used: int | None = None
    until: datetime | None = None
    execution: UUID | None = None

    @property
    def message(self) -> str:
        """In a sentence, with what to do."""
        return words.sentence(self.clause, self.advice)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """``reasons``: what decides comes first. ``position`` is in the line, from 1; an estimate is None where nobody can know."""

    state: str
    summary: str
    reasons: tuple[Reason, ...]
    position: int | None = None
    estimate_seconds: float | None = None
    #: Who used its queue while it waited.
    neighbours: Neighbours | None = None

    @property
    def advice(self) -> str:
        """What to do about it; empty if nothing."""
        return self.reasons[0].advice if self.reasons else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Something was held: ``what`` and by whom, from then until then, or still."""

    what: str
    since: datetime
    until: datetime | None = None
    by: str = ""

    def clause(self) -> str:
        """That it is or was held."""
        ended = f" to {phrases.instant(self.until)}" if self.until else ""
        word = "from" if self.until else "since"
        return f"{self.what} {word} {phrases.instant(self.since)}{ended}{_by(self.by)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A slot that did not run, and the settings behind it; ``seen_at``: when the planner came to it."""

    reason: Absence
    at: datetime | None
    seen_at: datetime
    setting: str = ""
    folded_until: datetime | None = None
    folded_count: int | None = None
    hold: Hold | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How an execution ended whose attempts are over. ``letter``: the state of its dead letter."""

    error_code: str
    message: str
    attempt: int
    max_attempts: int
    crashes: int
    started: bool
    at: datetime | None
    letter: str = ""
    #: Whether its job's time for all attempts was over.
    is_out_of_time: bool = False


def reason_of(
    code: Code,
    clause: str = "",
    *,
    details: Sequence[str] = (),
    limit: int | None = None,
    used: int | None = None,
    until: datetime | None = None,
) -> Reason:
    """A code in its own words or in ``clause``, with details after it."""
    known = words.of(code)
    said = [clause or known.clause(limit=limit, used=used), *(detail for detail in details if detail)]
    return Reason(code=str(code), clause="; ".join(said), advice=known.advice, limit=limit, used=used, until=until)


def explained(state: str, *reasons: Reason, position: int | None = None, estimate: float | None = None) -> Explanation:
    """The first reason makes the summary."""
    head = _HEADS.get(State(state), state.capitalize()) if state in set(State) else state.capitalize()
    told = [reasons[0].clause] if reasons else []
    if position and position > 1:
        told.append(f"position {position}")
    if estimate is not None and not (reasons and reasons[0].until):
        told.append(f"about {phrases.length(estimate)}")
    return Explanation(
        state=state,
        summary=f"{head}: {'; '.join(told)}" if told else head,
        reasons=reasons,
        position=position,
        estimate_seconds=estimate,
    )


def waiting(
    found: Waiting, *, attempt: int, max_attempts: int, error_code: str, expires_at: datetime | None = None
) -> Reason:
    """What an execution that has not started waits for, and until when at the latest."""
    why, until = found.why, f"until {phrases.instant(found.until)}" if found.until else ""
    match found.code:
        case Wait.BACK_OFF if error_code:
            clause = f"attempt {attempt} of {max_attempts} comes after a back-off, since {words.of_failure(error_code).plain} ({error_code})"
        case Wait.BACK_OFF:
            clause = f"attempt {attempt} asked to be looked at again later: its log says what it waits for"
        case Wait.NOT_DUE if found.until:
            clause, until = f"it is due at {phrases.instant(found.until)}", ""
        case Wait.RATE_LIMIT if found.rate:
            clause = f"{found.rate} allows no further start just now"
        case Wait.AWAITING_APPROVAL:
            clause, why = f"it waits for a decision of {found.why}", ""
        case _:
            clause = ""
    latest = f"at {phrases.instant(expires_at)} it does not start any more" if expires_at else ""
    return reason_of(
        found.code, clause, details=(why, until, latest), limit=found.limit, used=found.used, until=found.until
    )


def running(
    *, since: datetime, now: datetime, worker: str, attempt: int, max_attempts: int, timeout: float,
    lease_holds: bool, cancel_requested_at: datetime | None,
) -> Reason:  # fmt: skip
    """Where it runs, for how long, and how long it may."""
    limit = timedelta(seconds=timeout)
    where = f"on {worker or 'a worker'} since {phrases.instant(since)}, attempt {attempt} of {max_attempts}"
    lasting = f"{phrases.length(max(now - since, timedelta()))} of at most {phrases.length(limit)}"
    if not lease_holds:
        return reason_of(Course.LEASE_EXPIRED, details=(where,))
    if cancel_requested_at:
        asked = f"asked at {phrases.instant(cancel_requested_at)}"
        return reason_of(Course.CANCEL_REQUESTED, details=(asked, where))
    return reason_of(Course.RUNNING, f"{where}; {lasting}; its worker's lease holds", until=since + limit)


def skipped(slot: Slot) -> Reason:
    """Why a slot has not run, with the setting behind it."""
    late = slot.seen_at - slot.at if slot.at else timedelta()
    seen = slot.reason in (Absence.MISFIRE, Absence.CATCHUP_EXPIRED) and not slot.folded_count
    details = (
        f"seen {phrases.length(late)} late" if seen and late > timedelta() else "",
        slot.setting,
        slot.hold.clause() if slot.hold else "",
        _folded(slot),
    )
    return reason_of(slot.reason, details=details, limit=slot.limit)


def steps(standing: Mapping[str, str], *, ended: bool) -> str:
    """How the steps before one stand: those that have ended, or those that have not; the first few by name."""
    told = [f"{step} is {state}" for step, state in sorted(standing.items()) if (state in TERMINAL) is ended]
    return ", ".join(told[:MOST_STEPS]) + (f" and {len(told) - MOST_STEPS} more" if len(told) > MOST_STEPS else "")


def run_anyway(*, newest: UUID, state: str, count: int, slots: int) -> Reason:
    """What a skipped row's slots, so many, were run as later: ``count`` times, last as ``newest``."""
    which = "it was run anyway" if slots == 1 else f"of its {slots} slots some were run anyway"
    often = "" if count == 1 else f", {count} times" if slots == 1 else f", by {count} executions"
    last = "" if count == 1 else ", last"
    clause = f"{which}{often}{last} as execution {newest}, which is {state}"
    return replace(reason_of(Course.RUN_ANYWAY, clause), execution=newest)


def _folded(slot: Slot) -> str:
    if not slot.folded_count or slot.at is None or slot.folded_until is None:
        return ""
    return f"so {slot.folded_count} slots from {phrases.instant(slot.at)} to {phrases.instant(slot.folded_until)}"


def failed(ended: Ended) -> Reason:
    """The error, how often it was tried, and why not again."""
    known = words.of_failure(ended.error_code)
    details = [why_no_more(ended)]
    details.append(
        {"open": "an open dead letter", "redriven": "redriven since", "discarded": "discarded since"}.get(
            ended.letter, ""
        )
    )
    said = known.plain if ended.error_code in known.plain else f"{known.plain} ({ended.error_code})"
    clause = "; ".join([said, *(detail for detail in details if detail)])
    return Reason(
        code=ended.error_code, clause=clause, advice=known.advice, limit=ended.max_attempts, used=ended.attempt
    )


def why_no_more(ended: Ended) -> str:
    """What ended the attempts: a failed execution says by its numbers which rule it was."""
    if not ended.started:
        return "it never started"
    if ended.error_code == Failure.WORKER_LOST and ended.crashes >= retries.MAX_CRASHES:
        return f"lost {ended.crashes} times, which is the most"
    if ended.is_out_of_time:
        return f"its time was over after {ended.attempt} of {ended.max_attempts} attempts"
    if ended.attempt - ended.crashes >= ended.max_attempts:
        return (
            f"all {ended.max_attempts} attempts are used up" if ended.max_attempts > 1 else "its one attempt is used up"
        )
    return f"after {ended.attempt} of {ended.max_attempts} attempts it was not to be tried again: its retry policy or its handler says so"


def succeeded(*, attempt: int, max_attempts: int, at: datetime | None, took: timedelta | None) -> Reason:
    """That it did its work, at which attempt."""
    lasting = f"after {phrases.length(took)}" if took is not None else ""
    ended = f"at {phrases.instant(at)}" if at else ""
    which = f"on attempt {attempt} of {max_attempts}"
    return reason_of(Course.SUCCEEDED, " ".join(part for part in (which, ended, lasting) if part))


def cancelled(*, at: datetime | None, by: str, why: str = "", with_its_job: bool = False) -> Reason:
    """By whom, when and why, as far as that is known."""
    when = f" at {phrases.instant(at)}" if at else ""
    what = "with its job, which was deleted" if with_its_job else "on request"
    return reason_of(Course.CANCELLED, f"{what}{when}{_by(by)}", details=(f"reason: {why}" if why else "",))


def superseded(*, at: datetime | None) -> Reason:
    """That a later slot took its place."""
    when = f" at {phrases.instant(at)}" if at else ""
    return reason_of(
        Course.CANCELLED, f"a later slot of its job was due{when}", details=("the job's overlap is cancel_previous",)
    )


def outlook(
    code: Outlook,
    *,
    hold: Hold | None = None,
    detail: str = "",
    queue: str = "",
    limit: int | None = None,
    used: int | None = None,
) -> Reason:
    """Whether a job or a schedule will run."""
    clause = words.of(code).plain.replace("the queue", f"the queue {queue}") if queue else ""
    return reason_of(code, clause, details=(hold.clause() if hold else "", detail), limit=limit, used=used)


def _by(actor: str) -> str:
    return f" by {actor}" if actor else ""
