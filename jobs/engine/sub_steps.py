"""A child's payload that reads the steps before it: rendered when it starts, and stored as its overrides."""

from __future__ import annotations

import json
from dataclasses import replace
from uuid import UUID

from jobs import sql
from jobs.engine import upstreams
from jobs.engine.upstreams import TooMuchError
from jobs.models import Execution
from jobs.rules import concurrency_keys, sub_runs
from jobs.rules.payload_expressions import InvalidPayload
from jobs.rules.workflow_graphs import Decision, Graph

#: Characters of JSON, as of any payload that is stored.
MOST = 128 * 1024


def filled(graph: Graph, decision: Decision, execution_id: UUID) -> Decision:
    """The same decision, with the payload stored of a step that starts; or that its payload cannot be had."""
    template = graph.payloads.get(decision.step)
    if not decision.starts or template is None:
        return decision
    scope = {"parameters": graph.parameters}
    try:
        payload = sub_runs.rendered(template, {**scope, "upstream": upstreams.of(execution_id)})
    except (InvalidPayload, TooMuchError) as error:
        return replace(decision, problem=f"its payload cannot be rendered: {error}"[:500])
    if len(json.dumps(payload)) > MOST:
        return replace(decision, problem=f"its payload is larger than {MOST // 1024} KiB: name bulk data instead")
    job = Execution.objects.select_related("job").get(pk=execution_id).job
    key = concurrency_keys.render(job.concurrency_key, {**job.payload, **payload})
    sql.run("fill_payload", id=execution_id, payload=sql.json(payload), concurrency_key=key)
    return decision
