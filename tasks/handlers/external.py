"""Work for somebody's own executor, in any language: it claims over HTTP what this type describes."""

from __future__ import annotations

from typing import Annotated, ClassVar, NoReturn

from pydantic import AfterValidator, Field, StringConstraints

from jobs.handlers import Context, Handler, Json, Params, PermanentFailure
from jobs.rules.codes import Failure
from jobs.rules.matching import CAPABILITY, CAPABILITY_MESSAGE, MOST_CAPABILITIES

_ROUTING = "executors are chosen by it, and everybody sees it: put the secret in `payload`"


def _capability(text: str) -> str:
    if not CAPABILITY.fullmatch(text):
        raise ValueError(CAPABILITY_MESSAGE)
    return text


class ExternalParams(Params):
    """What an executor must be able to do, and what it is told."""

    capabilities: list[Annotated[str, AfterValidator(_capability)]] = Field(
        default_factory=list,
        max_length=MOST_CAPABILITIES,
        description="An executor must have all of these to claim it.",
    )
    executor: Annotated[str, StringConstraints(max_length=100)] | None = Field(
        None, description="Only the executor of this name may claim it."
    )
    payload: Json = Field(
        None, description="Any JSON, for the executor. Its expressions are rendered when it is claimed."
    )


class External(Handler[ExternalParams]):
    """Never run here; see docs/executors.md."""

    job_type = "external"
    title = "External executor"
    description = "Waits for an executor of your own, in any language and anywhere, to claim it over HTTP."
    params = ExternalParams
    example = {"capabilities": ["gpu", "region:eu"], "payload": {"model": "small", "order": "{{ execution.id }}"}}
    inputs = frozenset({"payload"})
    external = True
    without_secrets: ClassVar[dict[str, str]] = {"capabilities": _ROUTING, "executor": _ROUTING}

    def run(self, params: ExternalParams, context: Context) -> NoReturn:  # noqa: ARG002 - the contract's
        raise PermanentFailure(
            "no worker runs it: an executor claims it, on a queue whose pool is external", code=Failure.CONFIG_INVALID
        )
