"""Whether a job or a schedule may be stored as it is described, with every refusal naming its field."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model

from jobs import errors, handlers
from jobs.models import Job
from jobs.models.queue import Pool
from jobs.rules import concurrency_keys, retry_fields, templates
from jobs.services import channel_checks, payload_checks, queue_states
from tenants.rules import grants

#: Lists show payloads in full, so a page of them must fit into an answer.
MAX_PAYLOAD_BYTES = 128 * 1024
MAX_TAGS = 20
_NAME = re.compile(r"\w[^/\x00-\x1f\x7f]*")
#: What stands in paths where a job's name may.
_WORDS = {"batch"}
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def check_job(job: Job, tags: Iterable[str], *, kept: Collection[str] = ()) -> None:
    """Refuse what no worker could run. ``kept``: fields of the payload that are stored as they are."""
    check_columns(job, exclude={"tenant", "payload", "retry"})
    check_grants(job)
    check_name(job.name)
    _check_tags(list(tags))
    check_retry(job.retry)
    _check_limits(job)
    check_payload(job, job.payload, kept=kept)
    _check_pool(job)
    check_key("concurrency_key", job.type, job.concurrency_key)
    check_key("dedup_key", job.type, job.dedup_key)
    _check_key_rate(job)
    channel_checks.check(job)


def check_name(name: str) -> None:
    """A name stands in paths beside ids, so it must not read like one, nor end a path segment."""
    if not _NAME.fullmatch(name):
        raise errors.invalid({"name": ["must begin with a letter or digit and hold neither / nor control characters"]})
    if name != name.rstrip():
        raise errors.invalid({"name": ["must not end with a space"]})
    if _ID.fullmatch(name):
        raise errors.invalid({"name": ["must not look like an id"]})
    if name in _WORDS:
        raise errors.invalid({"name": [f"must not be {name}, which has another meaning in the API's paths"]})


def check_grants(job: Job) -> None:
    """Refuse a queue or a type that its tenant is not granted."""
    asked = {
        "queue": grants.refusal(str(job.queue_id), job.tenant.allowed_queues),
        "type": grants.refusal(job.type, job.tenant.allowed_job_types),
    }
    if refused := {field: [message] for field, message in asked.items() if message}:
        raise errors.invalid(refused)


def check_columns(row: Model, *, exclude: set[str], path: str = "") -> None:
    """Lengths, ranges, choices and the existence of what is referred to, as the model declares them."""
    try:
        row.clean_fields(exclude=exclude)
    except ValidationError as error:
        raise errors.invalid(
            {path + field: _named(row, field) or messages for field, messages in error.message_dict.items()}
        ) from None


def _named(row: Model, field: str) -> list[str] | None:
    """For a queue that is not there; Django would speak of instances and choices."""
    if field != "queue" or not (name := getattr(row, "queue_id", None)):
        return None
    return [f"there is no queue named {name!r}: see /queues"]


def check_retry(values: Mapping[str, Any]) -> None:
    """Refuse a retry policy that cannot be followed."""
    try:
        retry_fields.parse(values)
    except retry_fields.InvalidRetry as error:
        field = "retry" if error.field == "retry" else f"retry.{error.field}"
        raise errors.invalid({field: [error.message]}) from None


def _check_limits(job: Job) -> None:
    soft, hard = job.soft_timeout_seconds, job.timeout_seconds
    if soft is not None and soft >= hard:
        message = f"must be below timeout_seconds ({hard:g}), so that there is time to come to an end"
        raise errors.invalid({"soft_timeout_seconds": [message]})


def check_key(name: str, job_type: str, template: str) -> None:
    """Refuse a key that cannot be read, or names what no payload of this type can hold."""
    try:
        named = concurrency_keys.fields(template)
    except concurrency_keys.InvalidKey as error:
        raise errors.invalid({name: [str(error)]}) from None
    params = handlers.get(job_type).params
    known = {field.alias or own for own, field in params.model_fields.items()}
    if (unknown := sorted(set(named) - known)) and params.model_config.get("extra") != "allow":
        message = f"{{{unknown[0]}}} is no field of a {job_type} payload; there are {', '.join(sorted(known))}"
        raise errors.invalid({name: [message]})


def _check_key_rate(job: Job) -> None:
    if job.key_rate_limit and not job.concurrency_key:
        message = "counts starts under a concurrency_key, and this job has none: set that as well, or use rate_limit"
        raise errors.invalid({"key_rate_limit": [message]})


def check_payload(
    job: Job,
    payload: Mapping[str, Any],
    path: str = "payload",
    *,
    overridden: Collection[str] | None = None,
    kept: Collection[str] = (),
) -> None:
    """Refuse a payload the job's type or tenant does not take.

    ``path`` is what the payload is called in messages; its ``overridden`` fields are data and hold no expressions; the
    others of a payload that has some are stored already. Connections in ``kept`` fields, and what they give
    other jobs, are not looked at: they are no reason to refuse a change of something else.
    """
    try:
        handler = handlers.get(job.type)
    except handlers.UnknownJobTypeError as error:
        raise errors.invalid({"type": [str(error)]}) from None
    check_size(payload, path)
    if problems := payload_checks.problems(job, handler, payload, overridden, path, kept=kept):
        raise errors.invalid(problems)


def check_size(payload: Mapping[str, Any], path: str) -> None:
    """Refuse what is too large to be listed."""
    if len(json.dumps(payload)) > MAX_PAYLOAD_BYTES:
        raise errors.invalid(
            {path: [f"is larger than {MAX_PAYLOAD_BYTES // 1024} KiB: keep bulk data elsewhere and name it"]}
        )


def _check_pool(job: Job) -> None:
    pool = queue_states.hold(str(job.queue_id))
    if pool is None:
        raise errors.invalid({"queue": [f"{job.queue_id} was deleted just now: choose another queue"]})
    _check_executors(job, pool)
    if pool == Pool.THREADS and not handlers.get(job.type).threaded:
        fit = [name for name, handler in sorted(handlers.registered().items()) if handler.threaded]
        message = f"{job.queue_id} runs jobs in threads, and {job.type} needs a process of its own: choose another"
        raise errors.invalid({"queue": [f"{message} queue. In threads run: {', '.join(fit)}"]})


def _check_executors(job: Job, pool: str) -> None:
    """What executors run is on a queue of theirs, and nothing else is; what it needs of them is literal, since lines form by it."""
    external = handlers.get(job.type).external
    if external and pool != Pool.EXTERNAL:
        message = f"{job.queue_id} is worked by workers, and {job.type} runs in executors: choose a queue whose pool is external"
        raise errors.invalid({"queue": [message]})
    if not external and pool == Pool.EXTERNAL:
        message = f"executors of tenants claim what is on {job.queue_id}, and {job.type} runs in workers: choose another queue"
        raise errors.invalid({"queue": [message]})
    for field in ("capabilities", "executor") if external else ():
        if templates.BEGIN in json.dumps(job.payload.get(field)):
            raise errors.invalid(
                {f"payload.{field}": ["must be literal: executors are chosen by it before it is rendered"]}
            )


def _check_tags(tags: list[str]) -> None:
    if len(tags) > MAX_TAGS:
        raise errors.invalid({"tags": [f"must be at most {MAX_TAGS}"]})
    for index, tag in enumerate(tags):
        if not 0 < len(tag) <= 64:
            raise errors.invalid({f"tags[{index}]": ["must have 1 to 64 characters"]})
