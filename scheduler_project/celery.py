"""The Celery app: broker, beat, and the settings our promises rest on, each with its reason."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scheduler_project.settings")

from django.conf import settings

from jobs.engine import dispatch
from monitoring import log_format
from tasks import beat

app = Celery("scheduler_project")
app.conf.update(
    broker_url=settings.REDIS_URL,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "visibility_timeout": 86_400,
        # One list for each, see jobs.engine.dispatch.
        "priority_steps": [dispatch.FRONT, dispatch.BEHIND],
        "socket_connect_timeout": 3,
        "socket_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 10,
        # Of a publisher: it does not wait for the broker, what it could not send is published again. Else each ring
        # of a request would hold it up for six seconds while Redis is away. Consumers come back all the same.
        "max_retries": 0,
    },
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
    # Whoever can write to the broker can at most name rows: JSON only, ids only.
    accept_content=["json"],
    task_serializer="json",
    result_serializer="json",
    result_backend="django-db",
    result_expires=timedelta(days=7),
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    task_default_queue="engine",
    imports=[
        "tasks.dispatch",
        "tasks.run",
        "tasks.maintenance",
        "tasks.worker_process",
        "tasks.engine_process",
        "tasks.connections",
    ],
    timezone="UTC",
    enable_utc=True,
    beat_scheduler="redbeat.RedBeatScheduler",
    beat_max_loop_interval=1,
    beat_schedule=beat.ENTRIES,
    # Un-namespaced on purpose: under Django's CELERY_ prefix RedBeat does not see its own options.
    redbeat_redis_url=settings.REDIS_URL,
    redbeat_key_prefix="redbeat:",
    redbeat_lock_timeout=5,
    redbeat_redis_options={"socket_timeout": 5, "socket_connect_timeout": 3, "health_check_interval": 10},
    # Without it Celery reconnects to the database around every task, at four times the cost.
    CELERY_DB_REUSE_MAX=1_000_000_000,
)


@setup_logging.connect
def _our_logging(**_: Any) -> None:
    log_format.configure(settings.LOGGING)
