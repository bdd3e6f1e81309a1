"""The ring: wakes the engine's timer."""

from __future__ import annotations

from celery import shared_task

from jobs import sql
from tasks import engine_process


@shared_task(name="tasks.dispatch.tick", ignore_result=True)
def tick(origin: str = "") -> None:
    """Rung by beat each second, and by whoever made something due."""
    engine_process.ring()
    if origin == "beat":
        sql.run("pulse", name="ring")
