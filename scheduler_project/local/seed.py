"""The first tenant, its administrator and key, and a few demo jobs: what a fresh installation starts with.

Run by `make up` as the app's log-in; prints what nobody could find out later, once, as JSON.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scheduler_project.settings")
django.setup()

from django.conf import settings
from django.db import transaction

from jobs.services import jobs
from jobs.services.jobs import JobFields
from jobs.services.schedule_fields import ScheduleFields
from scheduler_project.env import env
from tenants import context
from tenants.models import ApiKey, Membership, Role, Tenant, User
from tenants.rules import permissions
from tenants.services import api_keys, tenants

SLUG = "local"
EMAIL = "admin@localhost"
KEY = "make up"
#: The local tenant works on this machine; our own servers' ports stay closed to it all the same.
LOOPBACK = ("localhost", "127.0.0.1", "::1")

DEMO: list[tuple[JobFields, ScheduleFields]] = [
    (
        {"name": "demo-health-check", "type": "http", "queue": "io", "category": "demo", "tags": ["demo"],
         "description": "Calls this installation's own health page every minute.", "payload": {"url": f"{settings.PUBLIC_URL}/health/live"}},
        {"kind": "cron", "expression": "* * * * *"},
    ),
    (
        {"name": "demo-disk-space", "type": "script", "category": "demo", "tags": ["demo"],
         "description": "Looks at the disk every ten minutes and returns what it saw.",
         "payload": {"interpreter": "sh", "script": "df -P / | tee /dev/stderr | awk 'NR==2 { printf \"{\\\"used\\\": \\\"%s\\\"}\\n\", $5 }'"}},
        {"kind": "cron", "expression": "*/10 * * * *"},
    ),
    (
        {"name": "demo-flaky", "type": "dummy", "category": "demo", "tags": ["demo"],
         "description": "Fails its first attempt and succeeds on the second, to show a retry.",
         "payload": {"duration_seconds": 1, "fail_until_attempt": 2}, "retry": {"max_attempts": 3, "delay_seconds": 5, "jitter": False}},
        {"kind": "interval", "interval_seconds": 300},
    ),
    (
        {"name": "demo-python", "type": "python", "category": "demo", "tags": ["demo"],
         "description": "Calls a Python function once for each of five items, in two threads.",
         "payload": {"callable": "demo.count_lines", "items": ["tenants", "jobs", "monitoring", "tasks", "scheduler_project"], "max_threads": 2}},
        {"kind": "cron", "expression": "*/15 * * * *"},
    ),
]  # fmt: skip


def seed(*, demo: bool) -> dict[str, Any]:
    """Make the tenant, or with a lost credentials file a new key and password for the one that exists."""
    password = secrets.token_urlsafe(15)
    with context.within(context.PLATFORM), transaction.atomic():
        tenant = Tenant.objects.filter(slug=SLUG).first()
        if tenant is None:
            tenant = tenants.create(
                slug=SLUG, name="Local", allowed_hosts=LOOPBACK, allowed_callables=["*"], allow_network=True
            )
            _make_jobs(tenant, DEMO if demo else [])
        _make_administrator(tenant, password)
        _make_room(tenant)
        _, key = api_keys.create(tenant=tenant, name=KEY, scopes=permissions.OF_TENANTS)
    return {"tenant": tenant.slug, "api_key": key, "admin": {"email": EMAIL, "password": password}}


def _make_room(tenant: Tenant) -> None:
    """Whose credentials file is lost again and again has had enough keys of that name: the newest stays."""
    for old in ApiKey.objects.filter(tenant=tenant, name=KEY, revoked_at=None).order_by("-id")[1:]:
        api_keys.revoke(key=old)


def _make_jobs(tenant: Tenant, definitions: list[tuple[JobFields, ScheduleFields]]) -> None:
    for fields, schedule in definitions:
        jobs.create(tenant=tenant, fields=fields, schedules=[schedule])


def _make_administrator(tenant: Tenant, password: str) -> None:
    user = User.objects.filter(email=EMAIL).first() or User.objects.create_superuser(EMAIL, name="Administrator")
    user.set_password(password)
    user.save()
    Membership.objects.get_or_create(tenant=tenant, user=user, defaults={"role": Role.ADMIN})


if __name__ == "__main__":
    json.dump(seed(demo=env().demo), sys.stdout)
