"""Measures Carillon and, in the same run on the same servers, what people would take instead.

    python -m tests.benchmarks [--full] [--alone] [--only NAME ...] [--commit docs/benchmarks.csv]
    python -m tests.benchmarks --only schedules --alone

Prints ratios first, then every figure; writes all of it below bench-results/. Nothing here passes or
fails: figures are compared with figures of the same run on the same machine, never with a limit.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence
from pathlib import Path

from scheduler_project.local import leash, throwaway
from tests.benchmarks import (
    footprint,
    latency,
    lateness,
    neighbours,
    recovery,
    report,
    rival_beats,
    rivals,
    schedules,
    stopping,
    throughput,
)
from tests.benchmarks.figures import Figure, Machine, Sizes
from tests.support import stack as stacks
from tests.support.stack_databases import durable_server, migrated

PARTS = ("throughput", "latency", "lateness", "neighbours", "recovery", "stopping", "footprint", "schedules")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="larger sizes and more rounds, about forty minutes")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="only these parts")
    parser.add_argument("--commit", type=Path, metavar="FILE", help="also write the small table of figures there")
    parser.add_argument("--alone", action="store_true", help="without the peers")
    chosen = parser.parse_args()
    machine = Machine.now()
    print(f"{machine}\n")
    figures = _measure(Sizes.full() if chosen.full else Sizes(), chosen.only, alone=chosen.alone)
    report.write(machine, figures, chosen.commit)
    print(report.text(figures))


def _measure(sizes: Sizes, parts: Sequence[str], *, alone: bool) -> list[Figure]:
    with contextlib.ExitStack() as on_exit:
        postgres = on_exit.enter_context(durable_server())
        valkey = on_exit.enter_context(throwaway.valkey())
        folder = on_exit.enter_context(leash.temporary_folder("carillon-bench-"))
        carillon = on_exit.enter_context(stacks.running(migrated(postgres), postgres, valkey, folder))
        peers = [] if alone else rivals.prepare(postgres, valkey, folder)
        beats = rival_beats.prepare(postgres, valkey, folder) if "lateness" in parts and not alone else []
        for peer in (*peers, *beats):
            on_exit.callback(peer.close)
        carillon.start("web", "beat", "engine")
        measured = {
            "throughput": lambda: throughput.measure(carillon, peers, sizes),
            "latency": lambda: latency.measure(carillon, peers, sizes),
            "lateness": lambda: lateness.measure(carillon, beats, sizes),
            "neighbours": lambda: neighbours.measure(carillon, sizes),
            "recovery": lambda: recovery.measure(carillon, sizes),
            "stopping": lambda: stopping.measure(carillon, sizes),
            "footprint": lambda: footprint.measure(carillon),
            "schedules": lambda: schedules.measure(carillon, sizes),
        }
        figures: list[Figure] = []
        for part in (name for name in measured if name in parts):
            if part != "throughput":  # which starts its workers itself
                carillon.complete()
            print(f"{part} ...", flush=True)
            figures += measured[part]()
        return figures


if __name__ == "__main__":
    main()
