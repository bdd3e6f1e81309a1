"""Workers of that app, as processes of their own; the one for Redis lives as long as the tests' process."""

from __future__ import annotations

import atexit
import functools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from scheduler_project.local import leash
from tests.support import caches
from tests.support.servers import ROOT


@functools.cache
def on_redis() -> None:
    """It reads the queue ``celery`` of database 3 of the caches' Valkey, and keeps its results there."""
    stack = ExitStack()
    atexit.register(stack.close)
    stack.enter_context(running(caches.valkey().url(3), caches.valkey().url(3)))


@contextmanager
def running(broker: str, results: str, *arguments: str) -> Iterator[None]:
    """A worker with one process."""
    environment = {**os.environ, "THEIR_BROKER": broker, "THEIR_RESULTS": results}
    environment.pop("DJANGO_SETTINGS_MODULE", None)  # Celery would set Django up, and this app has none
    command = [sys.executable, "-m", "celery", "-A", "tests.support.celery_app", "worker", "--concurrency=1"]
    quiet = ["--without-gossip", "--without-mingle", "--loglevel=WARNING", *arguments]
    with leash.temporary_folder("carillon-their-worker-") as folder, Path(folder, "log").open("wb") as log:
        process = subprocess.Popen([*command, *quiet], env=environment, cwd=ROOT, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait()
