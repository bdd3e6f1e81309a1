"""Keeps a broken database connection from outliving the task that broke it.

Connections are kept over tasks (CELERY_DB_REUSE_MAX), so Celery's Django fix-up never looks at them.
"""

from __future__ import annotations

from typing import Any

from celery.signals import task_postrun
from django.db import connection


@task_postrun.connect
def _drop_broken(**_: Any) -> None:
    """Costs a flag's look unless an error has occurred on the connection."""
    connection.close_if_unusable_or_obsolete()
