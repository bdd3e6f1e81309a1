"""Hunts mutants: each through its scenario, after the sound product has come through it unharmed."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from scheduler_project.env import ROOT
from tests.chaos import forms, stand
from tests.chaos.checker import verdict
from tests.chaos.checker.evidence import Violation
from tests.chaos.mutants.catalogue import LEASE, MUTANTS
from tests.chaos.mutants.director import Director
from tests.chaos.mutants.scenarios import SCENARIOS
from tests.chaos.plan import TENANTS

SITE = Path(__file__).with_name("site")
SOUND = ""
#: A mutant may never finish; the sound product does, on a busy machine later.
SETTLE, PATIENT_SETTLE = 20.0, 120.0


def hunt(folder: Path, names: Sequence[str]) -> bool:
    """All of them, or those named; whether each was caught and the sound product never accused."""
    chosen = list(names) or sorted(MUTANTS)
    caught, accused = 0, 0
    with stand.servers() as servers:
        for scenario in sorted({MUTANTS[name].scenario for name in chosen}):
            found = play(servers, folder, scenario, SOUND)
            accused += bool(found)
            _say(f"{scenario}: sound product", "unharmed" if not found else _told(found))
            for name in (name for name in chosen if MUTANTS[name].scenario == scenario):
                found = play(servers, folder, scenario, name)
                codes = {violation.code for violation in found}
                convicted = bool(codes & set(MUTANTS[name].caught_by))
                caught += convicted
                _say(f"{scenario}: {name}", f"caught, {_told(found)}" if convicted else f"NOT CAUGHT, {_told(found)}")
    print(f"{caught} of {len(chosen)} mutants caught, sound product accused in {accused} scenarios")
    return caught == len(chosen) and not accused


def play(servers: stand.Servers, folder: Path, scenario: str, mutant: str) -> Sequence[Violation]:
    """One scenario with a mutant, or with the sound product; what the checker says."""
    place = folder / time.strftime(f"%Y%m%d-%H%M%S-{mutant or 'sound'}")
    place.mkdir(parents=True)
    acted = SCENARIOS[scenario]
    tenants = [tenant for tenant in TENANTS if tenant.slug in {job.tenant for job in acted.jobs}]
    path = os.pathsep.join([str(SITE), str(ROOT)])
    environment = {"PYTHONPATH": path, "CHAOS_MUTANT": mutant, "CARILLON_CANCEL_GRACE_SECONDS": "2"}
    with stand.standing(servers, place, tenants, lease=LEASE, environment=environment, wanted=acted.wanted) as site:
        site.keeper.start()
        director = Director(site, acted.jobs, forms.directed(0).limits)
        director.create()
        try:
            acted.act(director)
        except AssertionError as problem:
            site.history.note("scenario ended early", problem=str(problem))
        found = director.end(
            {tenant.slug: tenant.max_running for tenant in tenants}, SETTLE if mutant else PATIENT_SETTLE
        )
    return verdict.judge(found).violations


def _told(found: Sequence[Violation]) -> str:
    counted = sorted({violation.code for violation in found}, key=lambda code: int(code[1:]))
    first = f": {found[0].message}" if found else ""
    return f"{', '.join(counted) or 'nothing found'}{first}"


def _say(what: str, outcome: str) -> None:
    print(f"{what:45} {outcome}", flush=True)
