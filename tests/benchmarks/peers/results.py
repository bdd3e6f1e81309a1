"""Celery with django-celery-results: as its documentation has it, or tuned by what the environment says."""

from __future__ import annotations

import logging
import os
import time

import redis
from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.benchmarks.peers.results_settings")

BROKER = os.environ["BENCHMARK_BROKER"]
app = Celery("results", broker=BROKER, backend="django-db")
app.conf.broker_connection_retry_on_startup = True
app.conf.task_default_queue = os.environ["BENCHMARK_QUEUE"]
if os.environ["BENCHMARK_TUNED"] == "1":
    # Keeps the database connection between tasks, and records the start too: what an execution's record has.
    app.conf.update(CELERY_DB_REUSE_MAX=1_000_000, task_track_started=True)
    logging.getLogger("celery.worker.strategy").setLevel(logging.WARNING)
    logging.getLogger("celery.app.trace").setLevel(logging.WARNING)


@app.task(name="peers.noop")
def noop() -> None:
    """Nothing."""


@app.task(name="peers.stamp")
def stamp(key: str) -> None:
    """Says when it began."""
    at = time.time()
    with redis.Redis.from_url(BROKER) as client:
        client.set(key, at, ex=600)
