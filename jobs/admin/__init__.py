"""The console's pages of the domain. Importing registers them."""

from jobs.admin import (
    calendars,
    dead_letters,
    executions,
    hooks,
    job_templates,
    jobs,
    maintenance,
    operations,
    queues,
    received_events,
    schedules,
    secrets,
    tags,
    tenants,
    workers,
    workflow_runs,
)

__all__ = [
    "calendars",
    "dead_letters",
    "executions",
    "hooks",
    "job_templates",
    "jobs",
    "maintenance",
    "operations",
    "queues",
    "received_events",
    "schedules",
    "secrets",
    "tags",
    "tenants",
    "workers",
    "workflow_runs",
]
