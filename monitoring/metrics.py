"""Prometheus metrics, read from the database when they are asked for.

``…_completed_count`` and ``…_failed_count`` start with the rows that are kept when this process first
counts, and only grow from there: retention does not lower them, a restart may, as with any counter.
They have the names that dashboards expect, so they are exposed as gauges: a Prometheus counter would
have to end in ``_total``.

``scheduler_requests_…_total`` are the one exception: each web process counts its own, and tells its own.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

from django.db import connection, transaction
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from jobs.rules.states import State
from monitoring import selectors
from tenants import limits

#: The first count reads every kept execution once; longer than a request may usually take.
FIRST_COUNT = timedelta(minutes=1)


class Collector:
    """Asks :mod:`monitoring.selectors` at each scrape, in one transaction."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended: dict[State, selectors.Ended] = {}

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """Every metric."""
        yield from _limits()
        with self._lock, transaction.atomic():
            yield from self._ends()
            yield from _under_way()
            yield from _parts()

    def _ends(self) -> Iterator[GaugeMetricFamily]:
        if not self._ended:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT set_config('statement_timeout', %s, true)", [f"{FIRST_COUNT.total_seconds():g}s"]
                )
        self._ended = {
            state: selectors.ended(state, self._ended.get(state)) for state in (State.SUCCEEDED, State.FAILED)
        }
        yield _gauge(
            "scheduler_tasks_completed_count", "Executions that succeeded.", self._ended[State.SUCCEEDED].total
        )
        yield _gauge(
            "scheduler_tasks_failed_count", "Executions that failed for good.", self._ended[State.FAILED].total
        )


def registry() -> CollectorRegistry:
    """A registry of our metrics and nothing else."""
    own = CollectorRegistry(auto_describe=False)
    own.register(Collector())
    return own


def _under_way() -> Iterator[GaugeMetricFamily]:
    under_way = selectors.executions_under_way()
    yield _gauge("scheduler_jobs_active_count", "Jobs whose slots are planned.", selectors.active_jobs())
    yield _gauge("scheduler_tasks_scheduled_count", "Executions not due yet.", under_way[State.SCHEDULED])
    by_state = GaugeMetricFamily("scheduler_executions", "Executions that have not ended, by state.", labels=["state"])
    for state, count in under_way.items():
        by_state.add_metric([state], count)
    yield by_state
    yield from _operations()


def _operations() -> Iterator[GaugeMetricFamily]:
    found, backlog = selectors.operations_under_way()
    by_state = GaugeMetricFamily("scheduler_operations", "Operations that have not ended, by state.", labels=["state"])
    for state, count in found.items():
        by_state.add_metric([state], count)
    yield by_state
    yield _gauge("scheduler_operations_backlog", "Executions that operations have yet to come to.", backlog)


def _parts() -> Iterator[GaugeMetricFamily]:
    ages = selectors.ages()
    yield _gauge("scheduler_executor_count", "Workers whose lease holds.", selectors.live_workers())
    yield _gauge("scheduler_tick_age_seconds", "Since the engine's last round.", _seconds(ages.get("dispatch")))
    yield _gauge("scheduler_ring_age_seconds", "Since beat last rang the engine.", _seconds(ages.get("ring")))


def _limits() -> Iterator[CounterMetricFamily]:
    counts = limits.counts()
    for what, label, description in (
        ("refused", "limit", "API requests answered 429, by the limit they met."),
        ("uncounted", "answer", "API requests that Redis could not count, by whether they were served or refused."),
    ):
        family = CounterMetricFamily(f"scheduler_requests_{what}", description, labels=[label])
        for which, count in sorted(counts[what].items()):
            family.add_metric([which], count)
        yield family


def _gauge(name: str, description: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, description, value=value)


def _seconds(age: timedelta | None) -> float:
    return float("inf") if age is None else age.total_seconds()
