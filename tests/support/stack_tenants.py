"""More tenants of a running stack, with a key each.

They are made by a process of its own, as the app's log-in:

    python -m tests.support.stack_tenants '[{"slug": …, "weight": …, "max_running": …}]' [<name of a platform's key>]
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from scheduler_project.env import ROOT
from tests.support.stack import Stack


def keys(carillon: Stack, wanted: Sequence[dict[str, Any]], *, operator: str = "") -> dict[str, str]:
    """Make the tenants that are not there; returns their API keys by slug, and one of the platform's by the name ``operator``."""
    environment = carillon.environment("web") | {"DJANGO_SETTINGS_MODULE": "scheduler_project.settings"}
    command = [sys.executable, "-m", __name__, json.dumps(wanted), operator]
    done = subprocess.run(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    made: dict[str, str] = json.loads(done.stdout)
    return made


def _make(wanted: list[dict[str, Any]], operator: str) -> dict[str, str]:
    import django

    django.setup()
    from django.db import transaction

    from tenants import context
    from tenants.models import Tenant
    from tenants.rules import permissions
    from tenants.services import api_keys
    from tenants.services import tenants as service

    made = {}
    with context.within(context.PLATFORM), transaction.atomic():
        for fields in wanted:
            known = Tenant.objects.filter(slug=fields["slug"]).first()
            tenant = known or service.create(name=fields["slug"].title(), allowed_hosts=["127.0.0.1"], **fields)
            _, made[fields["slug"]] = api_keys.create(tenant=tenant, name="of a test", scopes=permissions.OF_TENANTS)
        if operator:
            _, made[operator] = api_keys.create(tenant=None, name=operator, scopes=[permissions.PLATFORM])
    return made


if __name__ == "__main__":
    json.dump(_make(json.loads(sys.argv[1]), sys.argv[2]), sys.stdout)
