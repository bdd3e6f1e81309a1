"""A Celery app as somebody else has one: its own tasks, its own broker, nothing of Carillon's.

    python -m celery -A tests.support.celery_app worker --pool prefork

Its broker and result backend come from the environment.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from celery import Celery

app = Celery("theirs", broker=os.environ["THEIR_BROKER"], backend=os.environ["THEIR_RESULTS"])
app.conf.update(task_track_started=True, broker_connection_retry_on_startup=True)


@app.task(name="shop.add")
def add(left: int, right: int, **more: Any) -> dict[str, Any]:
    """Adds."""
    return {"sum": left + right, **more}


@app.task(name="shop.fail")
def fail(message: str) -> None:
    """Fails."""
    raise ValueError(message)


@app.task(name="shop.slow")
def slow(folder: str, seconds: float) -> str:
    """Says when it begins, and when it has ended by itself."""
    Path(folder, "begun").touch()
    time.sleep(seconds)
    Path(folder, "done").touch()
    return "done"
