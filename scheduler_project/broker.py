"""What Celery is told of broker and beat, for the full app and for the beat process alike, each with its reason."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from scheduler_project.env import env
from tasks import beat

_redis_url = env().redis_url.get_secret_value()

TRANSPORT: dict[str, Any] = {
    "visibility_timeout": 86_400,
    "socket_connect_timeout": 3,
    "socket_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 10,
    # Of a publisher: it does not wait for the broker, what it could not send is published again. Else each ring
    # of a request would hold it up for six seconds while Redis is away. Consumers come back all the same.
    "max_retries": 0,
}
BROKER: dict[str, Any] = {
    "broker_url": _redis_url,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "broker_transport_options": TRANSPORT,
    # Whoever can write to the broker can at most name rows: JSON only, ids only.
    "accept_content": ["json"],
    "task_serializer": "json",
    "result_serializer": "json",
    "task_default_queue": "engine",
    "timezone": "UTC",
    "enable_utc": True,
    "worker_concurrency": env().worker_slots,
}
BEAT: dict[str, Any] = {
    "beat_scheduler": "redbeat.RedBeatScheduler",
    "beat_max_loop_interval": 1,
    "beat_schedule": beat.entries(maintenance_every=timedelta(seconds=env().maintenance_seconds)),
    # Un-namespaced on purpose: under Django's CELERY_ prefix RedBeat does not see its own options.
    "redbeat_redis_url": _redis_url,
    "redbeat_key_prefix": "redbeat:",
    "redbeat_lock_timeout": 5,
    "redbeat_redis_options": {"socket_timeout": 5, "socket_connect_timeout": 3, "health_check_interval": 10},
}
