"""One seed decides everything: tenants, jobs, schedules, calls of the API, faults.

    plan = make(seed=7, form=forms.short())

What is decided is decided here, before anything runs, so a seed that has shown something shows the same
again, as far as the machine's own timing lets it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.chaos.checker.evidence import PlannedJob, PlannedSchedule, Rule
from tests.chaos.forms import Form

DIVISORS = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20)
#: Seconds a fault lasts at most; whatever is between two is for the recovery.
LONGEST = 12.0
OVERLAPS = ("skip", "queue_one", "queue_all")


@dataclass(frozen=True, slots=True)
class PlannedTenant:
    slug: str
    weight: int
    max_running: int | None
    #: Its part of the load.
    share: float


@dataclass(frozen=True, slots=True)
class Call:
    """An operation to be asked for ``at`` seconds after the start."""

    at: float
    tenant: str
    kind: str
    target: str
    rule: Rule | None = None


@dataclass(frozen=True, slots=True)
class PlannedFault:
    kind: str
    at: float
    seconds: float
    seed: int


@dataclass(frozen=True, slots=True)
class Plan:
    seed: int
    form: Form
    tenants: Sequence[PlannedTenant]
    jobs: Sequence[PlannedJob]
    calls: Sequence[Call]
    faults: Sequence[PlannedFault]


TENANTS = (
    PlannedTenant("alder", 1, None, 0.5),
    PlannedTenant("birch", 3, 6, 0.2),
    PlannedTenant("cedar", 1, None, 0.15),
    PlannedTenant("dogwood", 5, None, 0.1),
    PlannedTenant("elm", 2, 4, 0.05),
)


def make(seed: int, form: Form, kinds: Sequence[str] = ()) -> Plan:
    """The plan of a seed. ``kinds`` are the faults the mix draws from."""
    chance = random.Random(f"{seed} {form.name}")
    jobs = [job for place, tenant in enumerate(TENANTS) for job in _jobs(chance, tenant, place, form)]
    calls = sorted(
        [call for tenant in TENANTS for call in _calls(chance, tenant, form, jobs)], key=lambda call: call.at
    )
    return Plan(seed, form, TENANTS, jobs, calls, sorted(_faults(chance, form, kinds), key=lambda fault: fault.at))


def _jobs(chance: random.Random, tenant: PlannedTenant, place: int, form: Form) -> Iterator[PlannedJob]:
    """Some that show a policy each, dealt out among the tenants, then others until the tenant's share of the load is there."""
    slug = tenant.slug
    yield PlannedJob(f"{slug}-manual", slug, "http", seconds=0.3, priority=7)
    yield PlannedJob(f"{slug}-long", slug, "script", seconds=4.0)
    special = _special(chance, slug)
    dealt = [special[(place * form.special + number) % len(special)] for number in range(form.special)]
    yield from dealt
    missing = form.rate * tenant.share - sum(_rate(job) for job in dealt)
    number = 0
    while missing > 0.02 or number < 1:
        job = _ordinary(chance, tenant, number)
        yield job
        missing -= _rate(job)
        number += 1


def _special(chance: random.Random, slug: str) -> list[PlannedJob]:
    def job(name: str, every: int, *policy: Any, **fields: Any) -> PlannedJob:
        return PlannedJob(
            f"{slug}-{name}", slug, "http", schedules=(PlannedSchedule(_cron(chance, every), *policy),), **fields
        )

    return [
        # Longer than their periods, so that slots meet.
        job("skipping", 5, seconds=chance.uniform(2, 7), overlap="skip"),
        job("capped", 6, "last", 5.0, seconds=1.0, max_running=1),
        job("flaky", 12, fails=1),
        job("queueing", 5, seconds=chance.uniform(2, 7), overlap="queue_one"),
        job("picky", 10, "skip", 4.0),
        job("waiting", 10, seconds=chance.uniform(2, 6), overlap="queue_all"),
        job("hopeless", 20, fails=9, max_attempts=2),
    ]


def _rate(job: PlannedJob) -> float:
    return sum(1 / schedule.rule.every for schedule in job.schedules if schedule.rule.every)


def _ordinary(chance: random.Random, tenant: PlannedTenant, number: int) -> PlannedJob:
    kind = chance.choices(("http", "script", "dummy"), (8, 1, 1))[0]
    every = chance.choice(DIVISORS if kind != "script" else (5, 10, 20))
    rule = (
        _cron(chance, every) if chance.random() < 0.6 else Rule("interval", every=every, anchor=chance.randrange(10**9))
    )
    seconds = chance.choice((0.0, 0.0, 0.1, 0.5)) if kind != "script" else chance.choice((0.5, 2.0))
    return PlannedJob(
        f"{tenant.slug}-{number}",
        tenant.slug,
        kind,
        seconds=seconds,
        priority=chance.randrange(10),
        schedules=(PlannedSchedule(rule),),
    )


def _cron(chance: random.Random, every: int) -> Rule:
    return Rule("cron", every=every, offset=chance.randrange(every))


def _calls(chance: random.Random, tenant: PlannedTenant, form: Form, jobs: Sequence[PlannedJob]) -> Iterator[Call]:
    """Each mutable job lives through one story of its own; in between jobs are triggered, cancelled, listed."""
    own = [job for job in jobs if job.tenant == tenant.slug]
    for job in own:
        yield Call(0.0, tenant.slug, "create", job.name)
    begin, end = 3.0, form.busy - 3.0
    stories = [job for job in own if job.schedules and job.overlap == "allow" and job.fails == 0]
    for number, job in enumerate(stories):
        yield from _story(chance, tenant.slug, job, number, begin, end)
    rate = form.calls * max(tenant.share, 0.15)
    for _ in range(round((end - begin) * rate)):
        at = chance.uniform(begin, end)
        kind, target = chance.choices(
            (
                ("trigger", "manual"),
                ("trigger", "long"),
                ("cancel", "long"),
                ("list", "manual"),
                ("trespass", "manual"),
            ),
            (8, 1, 1, 2, 1),
        )[0]
        yield Call(at, tenant.slug, kind, f"{tenant.slug}-{target}")


def _story(
    chance: random.Random, tenant: str, job: PlannedJob, number: int, begin: float, end: float
) -> Iterator[Call]:
    """A pause and a resume, an edit, a disabling, a deletion, or peace."""
    first, second = sorted((chance.uniform(begin, end), chance.uniform(begin, end)))
    kind = ("none", "pause", "none", "edit", "pause-schedule", "none", "disable", "delete")[number % 8]
    schedule = f"{job.name}#0"
    if kind == "edit":
        yield Call(first, tenant, "edit-schedule", schedule, _cron(chance, chance.choice(DIVISORS[2:])))
    elif kind == "delete":
        yield Call(second, tenant, "delete", job.name)
    elif kind != "none":
        opposite = {"pause": "resume", "disable": "activate", "pause-schedule": "resume-schedule"}[kind]
        target = schedule if kind == "pause-schedule" else job.name
        yield Call(first, tenant, kind, target)
        yield Call(second, tenant, opposite, target)


def _faults(chance: random.Random, form: Form, kinds: Sequence[str]) -> Iterator[PlannedFault]:
    at = form.control
    for kind in chance.sample(form.faults, len(form.faults)):
        length = min(form.apart, LONGEST) * chance.uniform(0.5, 0.9)
        yield PlannedFault(kind, at, length, chance.randrange(2**31))
        at += form.apart
    until = at + form.mixed
    while kinds and at < until:
        for kind in chance.sample(list(kinds), chance.randint(1, 3)):
            length = chance.uniform(2, 15)
            yield PlannedFault(kind, at + chance.uniform(0, 3), min(length, until - at), chance.randrange(2**31))
        at += chance.uniform(8, 25)


def at_start(plan: Plan, now: float) -> Plan:
    """Intervals are anchored in the recent past of the run: an anchor needs an instant."""
    return replace(
        plan, jobs=[replace(job, schedules=tuple(_anchored(one, now) for one in job.schedules)) for job in plan.jobs]
    )


def _anchored(schedule: PlannedSchedule, now: float) -> PlannedSchedule:
    rule = schedule.rule
    if rule.kind != "interval":
        return schedule
    return replace(schedule, rule=replace(rule, anchor=int(now) - 60 - rule.anchor % rule.every))
