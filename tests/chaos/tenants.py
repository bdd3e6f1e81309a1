"""Makes tenants and their keys, as the app's log-in; run as a process of its own.

    python -m tests.chaos.tenants '[{"slug": …, "weight": …, "max_running": …}]'

Prints the keys as JSON, by slug.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def main(wanted: list[dict[str, Any]]) -> dict[str, str]:
    """The tenants' API keys."""
    import django

    django.setup()
    from django.db import transaction

    from tenants import context
    from tenants.rules.api_keys import SCOPES
    from tenants.services import api_keys
    from tenants.services import tenants as service

    keys = {}
    with context.within(context.Scope(platform=True)), transaction.atomic():
        for fields in wanted:
            tenant = service.create(name=fields["slug"].title(), allowed_hosts=["127.0.0.1"], **fields)
            _, keys[fields["slug"]] = api_keys.create(tenant=tenant, name="chaos", scopes=SCOPES)
    return keys


if __name__ == "__main__":
    json.dump(main(json.loads(sys.argv[1])), sys.stdout)
