"""What is wrong with what a payload gives the jobs that it has run, as far as it can be known when it is stored.

It is judged as what the other job will be given, in the place where it stands here: ``steps.load.payload.url``. What
that job says itself is its own concern, and may be another by the time that it runs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from jobs import handlers
from jobs.handlers import Handler
from jobs.models import Job
from jobs.rules import payload_expressions
from jobs.rules.payload_expressions import Expressions, InvalidPayload
from jobs.rules.sub_runs import OWN
from jobs.services import named_jobs, payload_judging


def problems(
    job: Job, handler: Handler[Any], payload: Mapping[str, Any], fresh: Collection[str]
) -> dict[str, Sequence[str]]:
    """Messages by the payload's field, of those that are ``fresh``: not stored as they are."""
    given = {
        field: each for field, each in handler.given(payload).items() if each[1] and field.partition(".")[0] in fresh
    }
    known = named_jobs.known(job, {name for name, _ in given.values()}) if given else {}
    found: dict[str, Sequence[str]] = {}
    for field, (name, overrides) in given.items():
        if name in known:
            known[name].tenant = job.tenant
            found |= _of_one(known[name], overrides, field)
    return found


def _of_one(child: Job, overrides: Mapping[str, Any], path: str) -> Mapping[str, Sequence[str]]:
    handler = handlers.registered().get(child.type)
    if handler is None:
        return {}
    try:
        own = payload_expressions.find(child.payload, {*overrides, *handler.templated})
        templates = payload_expressions.find(overrides, further=OWN)
    except InvalidPayload:
        return {}  # of the child's own; what stands here is read with the payload
    try:
        # It is data when the child runs: put together there, an item's text would be a part of a query.
        payload_expressions.find(overrides, (), handler.without_secrets, handler.without_expressions, further=OWN)
    except InvalidPayload as error:
        return payload_judging.by_field(error.problems, path)
    left_open = Expressions({**own.templates, **templates.templates})
    return payload_judging.problems(
        child, handler, {**child.payload, **overrides}, left_open, path, judged=overrides.keys()
    )
