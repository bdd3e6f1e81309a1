"""A payload's expressions and secrets, when an attempt is made ready. What comes of it never leaves the worker's memory.

The secrets are hidden from everything the attempt writes before any of them is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from jobs import connections, selectors
from jobs.engine import upstreams
from jobs.engine.leases import boot_time
from jobs.engine.records import Claim
from jobs.engine.upstreams import TooMuchError
from jobs.handlers import Handler, PermanentFailure, Released
from jobs.rules import payload_expressions
from jobs.rules.codes import Failure
from jobs.rules.expression_filters import instant
from jobs.rules.expression_values import Nothing
from jobs.rules.payload_expressions import Expressions, InvalidPayload
from tasks import revealing
from tasks.patience import patiently
from tasks.payloads import Hide, Reveal
from tenants.rules.maskable import SHORTEST

#: What is said of upstreams where there are none.
ALONE = (
    "it ran by itself, so no job came before it. Run the job that it comes after, or write what it is to be otherwise "
    "with the filter default"
)


def rendered(
    claim: Claim, handler: Handler[Any], payload: Mapping[str, Any], hide: Hide, reveal: Reveal | None = None
) -> dict[str, Any]:
    """The payload with the values of its expressions; overrides are data and hold none."""
    try:
        expressions = payload_expressions.find(
            payload,
            {*(claim.payload or ()), *handler.templated},
            handler.without_secrets,
            handler.without_expressions,
        )
        revealed = _revealed(claim, expressions, hide, reveal or revealing.values)
        return payload_expressions.render(payload, expressions, _scope(claim, expressions.names, revealed))
    except InvalidPayload as error:
        raise PermanentFailure(str(error), code=Failure.PAYLOAD_INVALID) from None
    except TooMuchError as error:
        raise PermanentFailure(str(error), code=Failure.RESOURCE_LIMIT) from None


def _revealed(claim: Claim, expressions: Expressions, hide: Hide, reveal: Reveal) -> dict[str, Any]:
    named = expressions.secrets
    if not named:
        return {}
    revealed = _read(claim, lambda: reveal(claim.tenant_id, list(named)))
    for name, value in revealed.items():
        texts = hidden(name, value)
        hide(texts)
        if any(0 < len(text) < SHORTEST for text in texts):
            raise InvalidPayload([(named[name], _too_short(name))])
    return dict(revealed)


def hidden(name: str, value: str | Mapping[str, Any]) -> list[str]:
    """The texts of a secret that nobody may read."""
    if isinstance(value, str):
        return [value]
    return connections.sensitive(revealing.loaded(name, value))


def _too_short(name: str) -> str:
    return f"the secret {name} has fewer than {SHORTEST} characters, so it could not be kept out of logs"


def _scope(claim: Claim, names: set[str], revealed: Mapping[str, Any]) -> dict[str, Any]:
    """What expressions are over, as far as they ask for it."""
    spec: Mapping[str, Any] = claim.spec or {}
    row: Mapping[str, Any] = {}
    if names & {"execution", "tenant"}:
        row = _read(claim, lambda: selectors.told_to_expressions(claim.id))
    return {
        "secrets": revealed,
        "upstream": (_read(claim, lambda: upstreams.of(claim.id)) or Nothing(ALONE)) if "upstream" in names else {},
        "execution": {
            "id": str(claim.id),
            "attempt": claim.attempt,
            "trigger": row.get("trigger"),
            "scheduled_for": _told(row.get("scheduled_for")),
            "created_at": _told(row.get("created_at")),
        },
        "job": {"id": str(claim.job_id), "name": claim.job, "type": spec.get("type")},
        "tenant": {"slug": claim.tenant, "name": row.get("tenant_name")},
        "now": instant(datetime.now(UTC)),
        "event": claim.event,
    }


def _told(at: datetime | None) -> str | None:
    return instant(at) if at else None


def _read(claim: Claim, query: Callable[[], Any]) -> Any:
    """Its answer. While the database is away the attempt waits for it, and then is given back: it has not failed."""
    patience = min(settings.LEASE.total_seconds(), claim.timeout_seconds)
    answer = patiently(query, until=boot_time() + patience)
    if answer is None:
        raise Released
    return answer
