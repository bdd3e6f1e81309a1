"""What planning, admission and every hot statement cost as what is stored grows.

    python -m tests.scale [--largest NAME] [--runs N] [--commit docs/scale.csv]

Starts a server of its own, fills it step by step and measures at each step: milliseconds and 8 KiB buffers
touched. Prints both beside their ratio to the smallest size, and writes them below bench-results/. All steps
take about twenty minutes and ten gigabytes of disk. Nothing passes or fails; see docs/performance.md.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from scheduler_project.local import throwaway
from scheduler_project.local.roles import Urls
from tests.benchmarks.figures import Machine
from tests.scale import report
from tests.scale.cost import Cost
from tests.scale.fill import Sizes, connect, fill
from tests.support.stack_databases import migrated

#: Each step adds to the one before.
STEPS: Mapping[str, Sizes] = {
    "1k schedules": Sizes(),
    "100k schedules": Sizes(schedules=100_000),
    "1M schedules": Sizes(schedules=1_000_000),
    "+ 1M pending": Sizes(schedules=1_000_000, pending=1_000_000),
    "+ 5k full jobs": Sizes(schedules=1_000_000, pending=1_000_000, full=5_000),
    "+ 1M executions": Sizes(schedules=1_000_000, pending=1_000_000, full=5_000, executions=1_000_000),
    "+ 10M executions": Sizes(schedules=1_000_000, pending=1_000_000, full=5_000, executions=10_000_000),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.scale", description=__doc__.splitlines()[0])
    parser.add_argument("--largest", choices=STEPS, default=list(STEPS)[-1], help="the last step to take")
    parser.add_argument("--runs", type=int, default=40, help="of each statement at each step")
    parser.add_argument("--commit", type=Path, metavar="FILE", help="also write the table there")
    chosen = parser.parse_args()
    machine = Machine.now()
    print(f"{machine}\n", flush=True)
    steps = list(STEPS)[: list(STEPS).index(chosen.largest) + 1]
    with throwaway.postgres() as postgres, throwaway.valkey() as valkey:
        valkey_url = valkey.url() if callable(valkey.url) else valkey.url
        become_engine(migrated(postgres), valkey_url)
        costs = [costs_at(postgres.url("carillon"), step, chosen.runs) for step in steps]
    report.write(machine, steps, costs, chosen.commit)
    print(report.text(steps, costs))


def become_engine(urls: Urls, redis_url: str) -> None:
    """Make this process one that logs in as the engine."""
    os.environ.update(
        DATABASE_URL=urls.engine,
        CARILLON_DATABASE_ROLE="engine",
        REDIS_URL=redis_url,
        CARILLON_SECRET_KEY="only for measuring",
        DJANGO_SETTINGS_MODULE="scheduler_project.settings",
    )
    import django

    django.setup()


def costs_at(superuser: str, step: str, runs: int) -> Sequence[Cost]:
    """Grow to a step and measure every case there."""
    from tests.scale import cases
    from tests.scale.measure import Meter

    print(f"filling: {step}", flush=True)
    fill(superuser, STEPS[step])
    with connect(superuser) as watcher:
        meter, rows = Meter(watcher), cases.arrange(watcher)
        found = [meter.cost(name, action, runs=runs) for name, action in cases.cases(rows)]
    for cost in found:
        print(f"    {cost.name:<44} {cost.times.median:8.2f} ms {cost.buffers:10.0f} buffers", flush=True)
    return found


if __name__ == "__main__":
    main()
