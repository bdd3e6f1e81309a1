"""``?dry_run=true``: the request is carried out in full and taken back, so that it says truly what it would do.

    query_parameters = {"create": (DRY_RUN,), …}

    if self.is_dry:
        return dry_runs.tried(outcome, dry_runs.diff(before, after), job=…)

Every check, right, lock and quota is the real one, since it is the real request; the whole transaction is rolled
back, and what waits for its commit is dropped with it. What a request does outside of the database, and not after
the commit, cannot be taken back: such an action must not declare the parameter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from rest_framework import serializers
from rest_framework.response import Response

from tenants.api.parameters import flag
from tenants.rules.audit_chain import canonical

DRY_RUN = flag("dry_run", "Check all of it and say what would change, and store nothing.")
CREATED, UPDATED, UNCHANGED, DELETED = OUTCOMES = ["created", "updated", "unchanged", "deleted"]


class DryRunShape(serializers.Serializer[Any]):
    """What a request would do."""

    dry_run = serializers.BooleanField(help_text="True: nothing is stored.")
    outcome = serializers.ChoiceField(OUTCOMES)
    diff = serializers.DictField(help_text="[before, after] of each field that would change.")


class DryRuns:
    """Of views with actions that declare :data:`DRY_RUN`."""

    query: dict[str, Any]

    @property
    def is_dry(self) -> bool:
        """Whether the request only asks what would happen."""
        return bool(self.query.get(DRY_RUN.name))


def diff(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """[before, after] of each field that differs; null for what is not there."""
    return {
        name: [before.get(name), after.get(name)]
        for name in {**before, **after}
        if canonical(before.get(name)) != canonical(after.get(name))
    }


def tried(outcome: str, changed: Mapping[str, Any], **shown: Any) -> Response:
    """The answer of a dry run. Whatever the request did is undone; nothing can be read any more after this."""
    transaction.set_rollback(True)
    return Response({"dry_run": True, "outcome": outcome, "diff": changed, **shown})
