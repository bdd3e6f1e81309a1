"""Whether the system keeps up, in one sentence. Pure: decides from what was measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from tenants import marks

#: Ready longer than this and nobody took it: capacity is short.
LATE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Pulse:
    """What was measured: ages are from now, None is never."""

    oldest_ready: timedelta | None
    in_flight: int
    in_flight_is_capped: bool
    workers: int
    tick: timedelta | None
    ring: timedelta | None
    #: Maintenance windows that hold something now.
    shut: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """``tone`` is good, warning or bad; ``icon`` and ``sentence`` say the same."""

    tone: str
    icon: str
    sentence: str
    advice: str = ""


def verdict(pulse: Pulse, *, engine_stale: timedelta, beat_stale: timedelta) -> Verdict:
    """The worst that is true."""
    told = _told(pulse)
    if pulse.tick is None or pulse.tick > engine_stale:
        advice = "No engine is dispatching. Start an engine process, or look at its log."
        return Verdict("bad", "error", f"Standing still: {told}.", advice)
    if not pulse.workers:
        return Verdict(
            "bad", "error", f"Nothing can run: {told}.", "No worker's lease holds. Start a worker, or look at its log."
        )
    if pulse.oldest_ready is not None and pulse.oldest_ready > LATE:
        advice = "More arrives than the workers take. Add workers, or see which tenant or job holds the most."
        if pulse.shut:
            advice = "What a maintenance window holds waits for its end. " + advice
        return Verdict("warning", "warning", f"Falling behind: {told}.", advice)
    if pulse.ring is None or pulse.ring > beat_stale:
        advice = "Beat does not ring, so the engine wakes itself, less punctually. Start beat, or look at its log."
        return Verdict("warning", "warning", f"Keeping up, without beat: {told}.", advice)
    return Verdict("good", "check_circle", f"Keeping up: {told}.")


def for_members(told: Verdict) -> Verdict:
    """For who cannot start anything: whom to ask."""
    return replace(told, advice="The platform's operators can see why.") if told.advice else told


def _told(pulse: Pulse) -> str:
    ready = "nothing waits" if pulse.oldest_ready is None else f"oldest ready {marks.length(pulse.oldest_ready)}"
    flying = f"more than {pulse.in_flight}" if pulse.in_flight_is_capped else str(pulse.in_flight)
    workers = "1 worker live" if pulse.workers == 1 else f"{pulse.workers} workers live"
    tick = "no tick yet" if pulse.tick is None else f"last tick {marks.length(pulse.tick)} ago"
    shut = "" if not pulse.shut else f", {pulse.shut} maintenance window{'s' if pulse.shut > 1 else ''} open"
    return f"{ready}, {flying} in flight, {workers}, {tick}{shut}"
