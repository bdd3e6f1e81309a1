"""From a claim to a handler and its checked parameters, and from its answer to a stored result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import pydantic

from jobs import handlers
from jobs.engine.records import Claim
from jobs.handlers import Handler, HandlerError, Params, PermanentFailure
from jobs.rules.codes import Failure
from tasks import foreign
from tenants.rules import grants

#: Told what the attempt must not write.
Hide = Callable[[Iterable[str]], None]
#: Values of a tenant's secrets by name.
Reveal = Callable[[UUID, Sequence[str]], Mapping[str, Any]]

MAX_RESULT_BYTES = 64 * 1024


def resolve(claim: Claim, hide: Hide, reveal: Reveal | None = None) -> tuple[Handler[Any], Params]:
    """The revision's payload with the execution's overrides on top, checked by its job type and against its tenant.

    ``hide`` is told of the secrets its expressions insert; ``reveal`` gets them where the process may not read them all.
    """
    if claim.spec is None:
        raise PermanentFailure("the job's revision is gone: trigger the job again", code=Failure.CONFIG_INVALID)
    try:
        handler = handlers.get(claim.spec["type"])
    except handlers.UnknownJobTypeError as error:
        raise PermanentFailure(f"{error}: this worker does not have it", code=Failure.CONFIG_INVALID) from None
    _check_grants(claim, handler.job_type)
    payload = merged(claim.spec["payload"], claim.payload)
    if claim.spec.get("expressions"):
        from tasks import rendering  # noqa: PLC0415 - 8 MiB that a process without expressions does without

        payload = rendering.rendered(claim, handler, payload, hide, reveal)
    try:
        params = handler.params.model_validate(payload)
    except pydantic.ValidationError as error:
        raise PermanentFailure(_first(error), code=Failure.PAYLOAD_INVALID) from None
    for field, messages in handler.refusals(params, claim).items():
        raise PermanentFailure(f"payload.{field}: {messages[0]}", code=Failure.CONFIG_INVALID)
    return handler, params


def _check_grants(claim: Claim, job_type: str) -> None:
    """What was granted when the job was stored may have been taken back."""
    for name, allowed in ((claim.queue, claim.allowed_queues), (job_type, claim.allowed_job_types)):
        if message := grants.refusal(name, allowed):
            raise PermanentFailure(message, code=Failure.CONFIG_INVALID)


def merged(payload: Mapping[str, Any], overrides: Mapping[str, Any] | None) -> dict[str, Any]:
    """Overrides replace whole top-level fields."""
    return {**payload, **(overrides or {})}


def checked_result(result: Any) -> Any:
    """The result if it is JSON of a bearable size."""
    try:
        encoded = foreign.encoded(result)
    except (TypeError, ValueError) as error:
        raise PermanentFailure(f"the handler's result is not JSON: {error}") from None
    if len(encoded) > MAX_RESULT_BYTES:
        raise HandlerError(
            f"the result has {len(encoded)} bytes and {MAX_RESULT_BYTES} are kept: return less, or store it elsewhere",
            code=Failure.RESOURCE_LIMIT,
        )
    return result


def _first(error: pydantic.ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    return f"payload.{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
