"""The console's pages of the domain. Importing registers them."""

from jobs.admin import (
    calendars,
    dead_letters,
    executions,
    jobs,
    operations,
    queues,
    schedules,
    secrets,
    tenants,
    workers,
)

__all__ = [
    "calendars",
    "dead_letters",
    "executions",
    "jobs",
    "operations",
    "queues",
    "schedules",
    "secrets",
    "tenants",
    "workers",
]
