"""The console's pages of the domain. Importing registers them."""

from jobs.admin import (
    dead_letters,
    executions,
    jobs,
    maintenance,
    operations,
    queues,
    schedules,
    secrets,
    tenants,
    workers,
)

__all__ = [
    "dead_letters",
    "executions",
    "jobs",
    "maintenance",
    "operations",
    "queues",
    "schedules",
    "secrets",
    "tenants",
    "workers",
]
