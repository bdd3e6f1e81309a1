"""Runs published executions."""

from __future__ import annotations

from celery import shared_task

from jobs.engine import dispatch
from tasks import runner


@shared_task(name="tasks.run.execute", ignore_result=True)
def execute(members: list[tuple[str, int]]) -> None:
    """A message's members, one after the other."""
    runner.run(dispatch.member_ids(members))
