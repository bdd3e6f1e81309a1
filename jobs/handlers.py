"""The job-type contract and its registry.

A job type is one module in a package named by ``settings.JOB_HANDLER_PACKAGES``, holding one
:class:`Handler` subclass. Nothing else is edited: the API, the admin form and the docs read
``Params.model_json_schema()``; the conformance suite in ``tests/tasks/handlers`` finds it by itself.

    class EchoParams(Params):
        text: str

    class Echo(Handler[EchoParams]):
        job_type = "echo"
        title = "Echo"
        description = "Answers with its text."
        params = EchoParams
        example = {"text": "hello"}

        def run(self, params, context):
            context.log(params.text)
            return {"text": params.text}
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Generic, Protocol, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from jobs.attempt_streams import ArtifactWriter, Masking
from jobs.connections import Connection
from jobs.outcomes import (
    Cancelled,
    Defer,
    HandlerError,
    Interrupted,
    LeaseLost,
    PermanentFailure,
    Released,
    RetryLater,
    SoftTimeLimit,
    Suspend,
    TimedOut,
)
from jobs.rules.approvals import Decision, Question
from jobs.rules.sub_runs import Ended, Plan

#: Those of :mod:`jobs.outcomes` belong to the contract, too.
__all__ = [
    "Cancelled",
    "Defer",
    "HandlerError",
    "Interrupted",
    "LeaseLost",
    "PermanentFailure",
    "Released",
    "RetryLater",
    "SoftTimeLimit",
    "Suspend",
    "TimedOut",
]

#: Anything json.dumps takes.
Json = Any


class Params(BaseModel):
    """A job type's payload. Unknown fields are refused by name."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


P = TypeVar("P", bound=Params)


class Context(Protocol):
    """What a handler may know and do while it runs. The runner supplies it."""

    execution_id: UUID
    attempt: int
    tenant: str
    job: str
    #: Stable over all attempts of one execution: hand it to whatever the job calls.
    idempotency_key: str
    #: The tenant's egress allow list: "host", "host:port" or a CIDR, see tasks.egress.
    allowed_hosts: Sequence[str]
    #: Most bytes of all files in the tenant's folder; None for no limit.
    max_file_bytes: int | None

    def remaining(self) -> float:
        """Seconds until the attempt's deadline; may be negative."""

    @property
    def cancelled(self) -> bool:
        """True once the attempt must stop. Handlers in threads poll it; in processes they are interrupted."""

    @property
    def ending(self) -> bool:
        """True once the attempt is asked to come to an end by itself: its soft limit, some time before its deadline."""

    def raising_softly(self) -> AbstractContextManager[None]:
        """In this block :class:`SoftTimeLimit` is raised at that limit, if the attempt has its process to itself."""

    def log(self, message: str, *, level: str = "info", stream: str = "handler") -> None:
        """Append to the execution's log. ``stream`` is handler, stdout or stderr. Readable within 200 ms."""

    def masking(self) -> Masking:
        """For output that the handler itself cuts into lines or parts before it logs them; one for each stream.

        Whatever is logged, returned or raised is masked anyway, but of a secret cut in two neither part is one.
        """

    def progress(self, fraction: float, message: str = "") -> None:
        """Report how far the attempt is, 0 to 1."""

    def earlier_result(self) -> Json:
        """The result which the last attempt that stored one left as it failed; None at the first attempt."""

    def bookmark(self, name: str) -> Json:
        """What was kept last under that name by any attempt of this job; None if nothing was."""

    def keep_bookmark(self, name: str, value: Json) -> None:
        """Keep it at once, whatever becomes of the attempt; LeaseLost if somebody else runs it by now."""

    def kept(self) -> Json:
        """What the last :class:`Defer` kept, if nothing has failed since; None for who begins."""

    def hide(self, secrets: Iterable[str]) -> None:
        """From now on none of these is readable in what the attempt writes: for what it was given on the way."""

    def connection(self, name: str) -> Connection:
        """The connection that the tenant's secret of that name holds; a HandlerError says why it cannot be had."""

    def ask(self, question: Question) -> Decision:
        """What somebody has decided; one question for each execution, whatever its attempt. :class:`Suspend` is raised, and to
        be let pass, while nobody has."""

    def artifact(
        self, name: str, *, content_type: str = "application/octet-stream"
    ) -> AbstractContextManager[ArtifactWriter]:
        """A binary file that is kept with the execution if the block ends without an error, in place of a former one.

        It is written as it comes, in constant memory. Nothing is left of one whose block was left by an error.
        """

    def open_artifact(self, reference: Mapping[str, Json], execution_id: UUID | str) -> BinaryIO:
        """Read an artifact of this tenant's by what a result says of it; a HandlerError if it is no longer there."""

    def children(self, plan: Plan) -> Ended:
        """How these have ended, which run as one: made when it is asked first, once for each execution. :class:`Suspend` is
        raised, and to be let pass, until they have. After a failed attempt those run again that did not succeed."""

    def folder(self) -> Path:
        """A private temporary folder, removed when the attempt ends."""


class Allowance(Protocol):
    """What a tenant's jobs may do beyond what all may."""

    @property
    def allowed_hosts(self) -> Sequence[str]: ...

    @property
    def allowed_callables(self) -> Sequence[str]: ...

    @property
    def allowed_tasks(self) -> Sequence[str]: ...

    @property
    def allow_network(self) -> bool: ...

    @property
    def allow_requirements(self) -> bool: ...


class Handler(ABC, Generic[P]):
    """Runs one job type. Instances are shared: keep no state on self."""

    job_type: ClassVar[str]
    title: ClassVar[str]
    description: ClassVar[str]
    params: ClassVar[type[Params]]
    #: A payload that passes validation, shown in the API and the console.
    example: ClassVar[Mapping[str, Json]]
    #: Whether it may also run in a thread beside others, on a queue whose pool is threads: it polls
    #: ``context.cancelled`` at least once a second, blocks nowhere longer, and cannot take its process down.
    threaded: ClassVar[bool] = False
    #: Whether no worker ever runs it: somebody's own executor claims it over HTTP, on a queue whose pool is external.
    external: ClassVar[bool] = False
    #: Fields of the payload that are what it works on and say nothing of what it does: whoever may run a job may
    #: give others for one run. To override any other field takes the right to change the job.
    inputs: ClassVar[frozenset[str]] = frozenset()

    #: Fields whose expressions are for executions that it makes: it renders them itself, with what they may read there.
    templated: ClassVar[frozenset[str]] = frozenset()

    #: Fields in which no secret may stand, because others could see what is in them; and what to do instead.
    without_secrets: ClassVar[Mapping[str, str]] = {}
    #: Fields in which no expression may stand, because their text is parsed later: what is put into it could change what
    #: it means. And what to do instead. A field inside of one is written with a dot.
    without_expressions: ClassVar[Mapping[str, str]] = {}

    def refusals(self, params: P, tenant: Allowance) -> Mapping[str, Sequence[str]]:  # noqa: ARG002 - for subclasses
        """What a tenant may not do, or this installation cannot: messages by the payload's field, empty for nothing.

        Asked whenever such a payload is stored, and again when it is to run. When it is stored, what is said of a
        field in which an expression stands is passed over.
        """
        return {}

    def named_jobs(self, payload: Mapping[str, Json]) -> Mapping[str, str]:  # noqa: ARG002 - for subclasses
        """The jobs, by name or id, that a payload has it run, by the payload's field; of any payload, valid or not."""
        return {}

    def given(self, payload: Mapping[str, Json]) -> Mapping[str, tuple[str, Mapping[str, Json]]]:  # noqa: ARG002 - for subclasses
        """What a payload overrides of those jobs' own, by the payload's field, each with the job; of any payload, as above."""
        return {}

    def named_people(self, payload: Mapping[str, Json]) -> Mapping[str, str]:  # noqa: ARG002 - for subclasses
        """E-mail addresses of members and ids of API keys that it puts something to, by the payload's field; as above."""
        return {}

    @abstractmethod
    def run(self, params: P, context: Context) -> Json:
        """Do the work once and return a JSON-able result (at most 64 KiB when encoded).

        Raise :class:`HandlerError` or a subclass to fail; any other exception is an
        ``EXECUTION_FAILED`` with its trimmed traceback in the log. On :class:`Interrupted`
        (a ``BaseException``) clean up and let it pass.
        """


class UnknownJobTypeError(LookupError):
    """No handler is registered under that job type."""


_registry: dict[str, Handler[Any]] = {}


def load(packages: Iterable[str]) -> None:
    """Import every module of ``packages`` and register the handlers defined there. Duplicate types stop the start."""
    for package_name in packages:
        package = importlib.import_module(package_name)
        for info in pkgutil.iter_modules(package.__path__):
            module = importlib.import_module(f"{package_name}.{info.name}")
            for value in vars(module).values():
                if isinstance(value, type) and issubclass(value, Handler) and value.__module__ == module.__name__:
                    _register(value)


def _register(handler: type[Handler[Any]]) -> None:
    known = _registry.get(handler.job_type)
    if known is not None and type(known) is not handler:
        raise RuntimeError(
            f"job type {handler.job_type!r} is defined by both {type(known)!r} and {handler!r}: rename one"
        )
    _registry[handler.job_type] = handler()


def get(job_type: str) -> Handler[Any]:
    """The handler of a job type, or :class:`UnknownJobTypeError`."""
    try:
        return _registry[job_type]
    except KeyError:
        raise UnknownJobTypeError(f"unknown job type {job_type!r}; known: {', '.join(sorted(_registry))}") from None


def registered() -> Mapping[str, Handler[Any]]:
    """All handlers by job type."""
    return dict(_registry)
