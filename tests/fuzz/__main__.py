"""``make fuzz``: many cases, with servers of its own. Ends with 1 if anything is not as described."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import time

from tests.support import servers  # noqa: F401 - starts them, before Django

#: Cases of one seed: as many as the test tries.
ROUND = 1000


def main() -> int:
    """Try, tell, and judge."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument(
        "--cases", type=int, default=10_000, help="requests, about; each further thousand has the next seed"
    )
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--only", default="", help="operations whose id contains this, each as in a whole round")
    wanted = parser.parse_args()

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scheduler_project.settings")
    import django

    django.setup()
    found = 0
    for begun in range(0, wanted.cases, ROUND):
        seed, cases = wanted.seed + begun // ROUND, min(ROUND, wanted.cases - begun)
        found += _round(cases, seed, wanted.only)
    return 1 if found else 0


def _round(cases: int, seed: int, only: str) -> int:
    """What one seed finds; each is in a tenant of its own."""
    from tests.fuzz import play

    started, worked = time.monotonic(), time.process_time()
    report = play.run(cases=cases, seed=seed, only=only)
    for told, sent in sorted(report.found.items()):
        print(f"\n=== {told}\n{sent}")
    spent = f"{time.monotonic() - started:.0f} s, {time.process_time() - worked:.0f} s of processor time"
    print(f"\n{sum(report.tried.values())} requests in {spent}; by {dict(report.tried)}")
    print(f"statuses {dict(sorted(report.statuses.items()))}")
    print(f"{len(report.found)} findings: make fuzz CASES={cases} SEED={seed}", flush=True)
    return len(report.found)


if __name__ == "__main__":
    sys.exit(main())
