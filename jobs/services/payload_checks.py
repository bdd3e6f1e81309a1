"""What is wrong with a payload, by its field: as its job type sees it, and as far as its expressions leave it open.

What an expression stands for is known only when it runs. So whatever is found wrong at such a place, or with what
is around it, is left for then; all else is told now. Whether the upstreams that it reads are there is looked at with
the job's dependencies: see :mod:`jobs.services.dependency_sets`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from jobs.handlers import Handler
from jobs.models import Job
from jobs.rules import payload_expressions
from jobs.rules.payload_expressions import InvalidPayload
from jobs.services import child_payloads, named_jobs, named_people, payload_judging
from jobs.services.payload_judging import Problems


def problems(
    job: Job,
    handler: Handler[Any],
    payload: Mapping[str, Any],
    overridden: Collection[str] | None,
    path: str,
    *,
    kept: Collection[str] = (),
) -> Problems:
    """Messages by field; empty for nothing. ``overridden`` fields hold no expressions, the others are stored (None: none of it is);
    ``path`` is what it is called. The connections of ``kept`` fields, and what they
    give other jobs, are taken as they are: they were stored before."""
    try:
        whole = {*(overridden or ()), *handler.templated}
        found = payload_expressions.find(payload, whole, handler.without_secrets, handler.without_expressions)
    except InvalidPayload as error:
        return payload_judging.by_field(error.problems, path)
    if wrong := payload_judging.problems(job, handler, payload, found, path, kept=kept):
        return wrong
    fresh = (payload.keys() if overridden is None else set(overridden)) - set(kept)
    refusals = {
        **child_payloads.problems(job, handler, payload, fresh),
        **named_jobs.problems(job, handler, payload, overridden),
        **named_people.problems(job, handler, payload, fresh),
    }
    return {f"{path}.{field}": texts for field, texts in refusals.items() if not payload_judging.is_open(field, found)}
