"""The Celery app: the settings our promises rest on, each with its reason; those of the broker are next door."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scheduler_project.settings")
# Django's checks would load every page of the web process into every worker. `make test` and `manage.py migrate` run them.
os.environ.setdefault("CELERY_SKIP_CHECKS", "true")

from django.conf import settings

from jobs.engine import dispatch
from monitoring import log_format
from scheduler_project import broker

app = Celery("scheduler_project")
app.conf.update(broker.BROKER | broker.BEAT)
app.conf.update(
    # One list for each, see jobs.engine.dispatch.
    broker_transport_options=broker.TRANSPORT | {"priority_steps": [dispatch.FRONT, dispatch.BEHIND]},
    # PostgreSQL is the truth: an early ack loses nothing, a late one would only run things twice.
    task_acks_late=False,
    # Take a message only when a process is free, so none waits behind a long run.
    worker_disable_prefetch=True,
    worker_prefetch_multiplier=1,
    # Losing Redis must not end what runs.
    worker_cancel_long_running_tasks_on_connection_loss=False,
    # Half of what a worker's main process does would be telling Flower of tasks that the database knows better.
    # Workers themselves are seen all the same; `celery control enable_events` shows their tasks for a while.
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    worker_max_tasks_per_child=100_000,
    worker_max_memory_per_child=400_000,
    result_backend="django-db",
    result_expires=timedelta(days=7),
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    imports=[
        "tasks.dispatch",
        "tasks.run",
        "tasks.maintenance",
        "tasks.worker_process",
        "tasks.engine_process",
        "tasks.connections",
    ],
    # Without it Celery reconnects to the database around every task, at four times the cost.
    CELERY_DB_REUSE_MAX=1_000_000_000,
)


@setup_logging.connect
def _our_logging(**_: Any) -> None:
    log_format.configure(settings.LOGGING)
