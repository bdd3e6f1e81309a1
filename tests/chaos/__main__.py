"""Hunts Carillon: real processes, planned faults, a witness outside the database, a checker.

    python -m tests.chaos [--seed N] [--long] [--minutes M] [--rate R] [--apart S] [--only FAULT ...] [--mutants [NAME ...]]

One seed decides everything and is printed first. Exit code 1: an invariant is broken, or a mutant was
not caught. Everything that was recorded and reported stays below chaos-results/.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from dataclasses import replace
from pathlib import Path

from scheduler_project.env import ROOT
from tests.chaos import forms, plan, play, report, stand
from tests.chaos.checker import verdict
from tests.chaos.faults.registry import KINDS
from tests.chaos.forms import Form

RESULTS = ROOT / "chaos-results"
#: What a long run leaves in PostgreSQL fits, its log included; it is memory.
DISK_MEGABYTES = 3_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--seed", type=int, default=random.randrange(10**6), help="what decides everything; drawn if left out"
    )
    parser.add_argument("--long", action="store_true", help="every fault alone, then a mix")
    parser.add_argument("--minutes", type=float, default=20, help="how long the long form plays")
    parser.add_argument("--rate", type=float, default=7, help="slots due in a second, about, in the long form")
    parser.add_argument(
        "--apart", type=float, default=12, help="seconds from one fault to the next in the long form's first part"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=sorted(KINDS),
        metavar="FAULT",
        help="only these faults: " + ", ".join(sorted(KINDS)),
    )
    parser.add_argument(
        "--mutants", nargs="*", metavar="NAME", help="the product with a small breakage each; all if none is named"
    )
    chosen = parser.parse_args()
    if chosen.mutants is not None:
        from tests.chaos.mutants import hunt

        sys.exit(0 if hunt.hunt(RESULTS / "mutants", chosen.mutants) else 1)
    kinds = tuple(chosen.only or sorted(KINDS))
    form = forms.long(chosen.minutes, chosen.rate, kinds, chosen.apart) if chosen.long else forms.short()
    if chosen.only and not chosen.long:
        form = replace(form, faults=kinds)
    sys.exit(0 if _once(chosen.seed, form, kinds) else 1)


def _once(seed: int, form: Form, kinds: tuple[str, ...]) -> bool:
    print(f"seed {seed}, {form.name} form, about {form.busy + form.soak + 60:.0f} s", flush=True)
    folder = RESULTS / time.strftime(f"%Y%m%d-%H%M%S-{form.name}-{seed}")
    folder.mkdir(parents=True)
    planned = plan.make(seed, form, kinds)
    with stand.servers(disk_megabytes=DISK_MEGABYTES if _fills(planned) else None) as servers:
        text, sound = hunted(servers, planned, folder)
    print(text)
    print(f"written to {folder.relative_to(ROOT)}")
    return sound


def hunted(servers: stand.Servers, planned: plan.Plan, folder: Path) -> tuple[str, bool]:
    """Play a plan and judge it: the report, and whether every invariant held."""
    with stand.standing(
        servers,
        folder,
        planned.tenants,
        lease=planned.form.lease,
        children=planned.form.children,
        clocks_move=_moved(planned),
    ) as site:
        site.keeper.start()
        found = play.run(site, plan.at_start(planned, time.time()))
    judgement = verdict.judge(found)
    return report.write(folder, planned.seed, planned.form.name, found, judgement), not judgement.violations


def _moved(planned: plan.Plan) -> bool:
    return any(fault.kind.startswith("clock ") for fault in planned.faults)


def _fills(planned: plan.Plan) -> bool:
    return any(fault.kind == "disk full" for fault in planned.faults)


if __name__ == "__main__":
    main()
