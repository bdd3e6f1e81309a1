"""``make fuzz``: many cases, with servers of its own. Ends with 1 if anything is not as described."""

from __future__ import annotations

import argparse
import secrets
import sys
import time

from tests.support import servers  # noqa: F401 - starts them, before Django


def main() -> int:
    """Try, tell, and judge."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000, help="requests, about")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--only", default="", help="operations whose id contains this, each as in a whole run")
    wanted = parser.parse_args()

    import django

    django.setup()
    from tests.fuzz import play

    print(f"seed {wanted.seed}", flush=True)
    started, worked = time.monotonic(), time.process_time()
    report = play.run(cases=wanted.cases, seed=wanted.seed, only=wanted.only)
    for told, sent in sorted(report.found.items()):
        print(f"\n=== {told}\n{sent}")
    spent = f"{time.monotonic() - started:.0f} s, {time.process_time() - worked:.0f} s of processor time"
    print(f"\n{sum(report.tried.values())} requests in {spent}; by {dict(report.tried)}")
    print(f"statuses {dict(sorted(report.statuses.items()))}; {len(report.found)} findings; SEED={wanted.seed}")
    return 1 if report.found else 0


if __name__ == "__main__":
    sys.exit(main())
