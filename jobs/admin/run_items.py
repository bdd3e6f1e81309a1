"""What each item of a map was run with: its step is a number, which says nothing to who reads it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from django.db.models import TextField
from django.db.models.functions import Cast, Left

from jobs.models import Execution, WorkflowRun
from jobs.run_graphs import Step
from tenants import actors

#: Characters that are read of each, however large the item is.
_READ = 300


def of_steps(run: WorkflowRun, steps: Iterable[Step]) -> Mapping[str, str]:
    """Words by step; none for who may not see payloads, nor of a run whose steps have names."""
    if "most_failures" not in run.graph or not actors.may("payloads:read"):
        return {}
    names = {step.execution.pk: step.name for step in steps if step.execution}
    rows = Execution.objects.filter(tenant=run.tenant_id, pk__in=names, payload__isnull=False)
    texts = rows.annotate(given=Left(Cast("payload", TextField()), _READ)).values_list("pk", "given")
    return {names[pk]: _in_words(text) for pk, text in texts}


def _in_words(text: str) -> str:
    """The value alone where there is only one."""
    try:
        payload = json.loads(text)
    except ValueError:
        return text  # cut off
    if len(payload) != 1:
        return text
    value = next(iter(payload.values()))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
