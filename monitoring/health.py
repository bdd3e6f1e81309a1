"""Whether the platform works: what ``/health`` and ``/health/ready`` answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import redis
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from jobs import engines
from monitoring import selectors

#: Another beat takes over within ten seconds. Without any, the engine goes on by itself, less punctually.
BEAT_STALE = timedelta(seconds=15)

Check = dict[str, Any]
_unreachable: Check = {"ok": False, "problem": "cannot be reached"}


def checks() -> dict[str, Check]:
    """Each part with ``ok`` and what was measured."""
    try:
        with transaction.atomic():
            ages, workers = selectors.ages(), selectors.live_workers_by_queue()
            live, refused = selectors.live_workers(), selectors.refused_types()
    except (OperationalError, InterfaceError):
        return {"database": _unreachable, "redis": _redis()}
    return {
        "database": {"ok": True},
        "redis": _redis(),
        "engine": _fresh(ages.get("dispatch"), engines.STALE, "tick_age_seconds"),
        "beat": _fresh(ages.get("ring"), BEAT_STALE, "ring_age_seconds"),
        # Still alive: what else they run they run.
        "workers": {"ok": live > 0, "live": live, "by_queue": workers, "refuses": refused},
    }


def is_ready() -> bool:
    """Whether requests can be served: the database answers and has every migration."""
    try:
        return _migrated()
    except (OperationalError, InterfaceError):
        return False


def _fresh(age: timedelta | None, limit: timedelta, name: str) -> Check:
    return {"ok": age is not None and age < limit, name: None if age is None else round(age.total_seconds(), 3)}


def _redis() -> Check:
    with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1) as client:
        try:
            client.ping()
        except redis.RedisError:
            return _unreachable
    return {"ok": True}


_known: set[str] = set()


def _migrated() -> bool:
    """Reading the migrations from disk takes long, and applied ones stay applied: a yes is remembered."""
    with transaction.atomic():
        if "migrated" not in _known:
            executor = MigrationExecutor(connection)
            if executor.migration_plan(executor.loader.graph.leaf_nodes()):
                return False
            _known.add("migrated")
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    return True
