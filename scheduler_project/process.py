"""Starts a Celery worker or beat without Celery's command line.

    python -m scheduler_project.process worker --hostname=worker@%h --queues=jobs.default --pool=prefork --concurrency=2
    python -m scheduler_project.process beat

The same as `celery --app=scheduler_project worker` and `beat`, which work as well. That command line loads a
shell, Flower and a web server into every process before it looks at what it is asked to do: a quarter of its memory.
"""

from __future__ import annotations

import argparse
import sys

POOLS = ("prefork", "threads")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scheduler_project.process", description=__doc__.splitlines()[0])
    kinds = parser.add_subparsers(dest="kind", required=True)
    worker = kinds.add_parser("worker")
    worker.add_argument("--hostname", required=True, help="node name; %%h stands for the host")
    worker.add_argument("--queues", required=True, help="names of Celery queues, with commas between them")
    worker.add_argument("--pool", choices=POOLS, required=True)
    worker.add_argument("--concurrency", type=int, help="processes or threads; else CARILLON_WORKER_SLOTS")
    beat = kinds.add_parser("beat")
    for parsed in (worker, beat):
        parsed.add_argument("--loglevel", default="info")
    chosen = parser.parse_args()
    return _beat(chosen) if chosen.kind == "beat" else _worker(chosen)


def _worker(chosen: argparse.Namespace) -> int:
    from celery import concurrency
    from celery.utils.nodenames import default_nodename, host_format

    from scheduler_project.celery import app

    worker = app.Worker(
        hostname=host_format(default_nodename(chosen.hostname)),
        queues=chosen.queues,
        pool=concurrency.get_implementation(chosen.pool),
        concurrency=chosen.concurrency,
        loglevel=chosen.loglevel.upper(),
        without_gossip=True,
        without_mingle=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


def _beat(chosen: argparse.Namespace) -> int:
    from scheduler_project.ringing import app

    app.Beat(loglevel=chosen.loglevel.upper()).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
