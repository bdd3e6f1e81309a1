"""Whether the channels that a job names are there, and are channels."""

from __future__ import annotations

from jobs import errors
from jobs.connections import channels
from jobs.models import Job
from jobs.services import named_secrets

#: Channels of one outcome.
MOST = 5


def check(job: Job) -> None:
    """Refuse a channel that nothing can be sent to."""
    given = {"on_failure": job.on_failure, "on_success": job.on_success}
    named = {name for names in given.values() for name in names}
    if not named:
        return
    kinds = named_secrets.kinds(job.tenant_id, named)
    refused = {field: _problems(names, kinds) for field, names in given.items()}
    if found := {field: problems for field, problems in refused.items() if problems}:
        raise errors.invalid(found)


def _problems(names: list[str], kinds: named_secrets.Kinds) -> list[str]:
    if len(names) > MOST:
        return [f"names {len(names)} channels, and there may be {MOST}"]
    found = [f"{name} is named twice" for name in sorted(set(names)) if names.count(name) > 1]
    return [*found, *filter(None, (named_secrets.refusal(name, kinds, channels.KINDS) for name in names))]
