"""Celery as it comes, keeping no record of anything."""

from __future__ import annotations

import logging
import os
import time

import redis
from celery import Celery

BROKER = os.environ["BENCHMARK_BROKER"]
app = Celery("raw", broker=BROKER)
app.conf.task_ignore_result = True
app.conf.broker_connection_retry_on_startup = True
app.conf.task_default_queue = os.environ["BENCHMARK_QUEUE"]
# Two lines a task cost it a third of its speed; nobody who wants speed keeps them.
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
