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
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Generic, Protocol, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from jobs.connections import Connection
from jobs.interruptions import Cancelled as Cancelled  # noqa: PLC0414 - a handler's own word
from jobs.interruptions import Interrupted as Interrupted  # noqa: PLC0414 - a handler's own word
from jobs.interruptions import LeaseLost as LeaseLost  # noqa: PLC0414 - a handler's own word
from jobs.interruptions import Released as Released  # noqa: PLC0414 - a handler's own word
from jobs.interruptions import TimedOut as TimedOut  # noqa: PLC0414 - a handler's own word
from jobs.rules.approvals import Decision, Question
from jobs.rules.codes import Failure

#: Anything json.dumps takes.
Json = Any


class Params(BaseModel):
    """A job type's payload. Unknown fields are refused by name."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


P = TypeVar("P", bound=Params)


class Masking(Protocol):
    """Takes pieces of a stream, and gives them back without secrets."""

    def feed(self, data: bytes) -> bytes:
        """What can be said now; what may be the beginning of a secret comes later."""

    def close(self) -> bytes:
        """The rest."""


class ArtifactWriter(Protocol):
    """Takes the bytes of an artifact, from front to back; any library may write to it as to a binary file."""

    def write(self, data: bytes, /) -> int:
        """All of them; RESOURCE_LIMIT beyond what an artifact may have."""

    @property
    def reference(self) -> Mapping[str, Json]:
        """For the result, once its block has ended: ``{"artifact": name, "bytes", "sha256", "content_type"}``."""


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

    def folder(self) -> Path:
        """A private temporary folder, removed when the attempt ends."""


class Allowance(Protocol):
    """What a tenant's jobs may do beyond what all may."""

    @property
    def allowed_hosts(self) -> Sequence[str]: ...

    @property
    def allowed_callables(self) -> Sequence[str]: ...


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
    #: Fields of the payload that are what it works on and say nothing of what it does: whoever may run a job may
    #: give others for one run. To override any other field takes the right to change the job.
    inputs: ClassVar[frozenset[str]] = frozenset()

    #: Fields in which no secret may stand, because others could see what is in them; and what to do instead.
    without_secrets: ClassVar[Mapping[str, str]] = {}

    def refusals(self, params: P, tenant: Allowance) -> Mapping[str, Sequence[str]]:  # noqa: ARG002 - for subclasses
        """What a tenant may not do, or this installation cannot: messages by the payload's field, empty for nothing.

        Asked whenever such a payload is stored, and again when it is to run. When it is stored, what is said of a
        field in which an expression stands is passed over.
        """
        return {}

    @abstractmethod
    def run(self, params: P, context: Context) -> Json:
        """Do the work once and return a JSON-able result (at most 64 KiB when encoded).

        Raise :class:`HandlerError` or a subclass to fail; any other exception is an
        ``EXECUTION_FAILED`` with its trimmed traceback in the log. On :class:`Interrupted`
        (a ``BaseException``) clean up and let it pass.
        """


class HandlerError(Exception):
    """The attempt failed; the job's retry policy decides what follows.

    ``code`` is one of :class:`jobs.rules.codes.Failure`; ``tags`` are finer marks that
    ``retry_on`` and ``no_retry_on`` may name, such as ``http:503`` and ``http:5xx``;
    ``result`` is stored with the attempt although it failed.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = Failure.EXECUTION_FAILED,
        tags: Iterable[str] = (),
        result: Json = None,
    ) -> None:
        super().__init__(message)
        self.code = str(code)
        self.tags = frozenset(tags)
        self.result = result


class PermanentFailure(HandlerError):
    """Trying again cannot help: no retry, whatever the policy says."""


class RetryLater(HandlerError):
    """Failed, and the other side said when to try again; counts as an attempt."""

    def __init__(
        self,
        message: str,
        *,
        delay: timedelta,
        code: str = Failure.EXECUTION_FAILED,
        tags: Iterable[str] = (),
        result: Json = None,
    ) -> None:
        super().__init__(message, code=code, tags=tags, result=result)
        self.delay = delay


class SoftTimeLimit(HandlerError):
    """Raised once in a running callable at the job's ``soft_timeout_seconds``: catch it, tidy up and return what there is.

    Whoever lets it pass has failed with ``TIMEOUT``.
    """

    def __init__(self) -> None:
        super().__init__("it did not end by itself at soft_timeout_seconds", code=Failure.TIMEOUT)


class Defer(Exception):
    """Not yet: look again after ``delay``. The same attempt goes on, and nothing is counted."""

    def __init__(self, delay: timedelta) -> None:
        super().__init__(f"deferred for {delay.total_seconds():g} s")
        self.delay = delay


class Suspend(Exception):
    """It waits for something that somebody else ends, and holds no worker meanwhile.

    The same attempt goes on, and nothing is counted, when it is woken (jobs.engine.suspensions.wake), or after ``at_most``
    at the latest. So what it waits for may have ended or not when it runs again: it looks, and suspends once more if it must.
    """

    def __init__(self, at_most: timedelta) -> None:
        super().__init__(f"suspended for {at_most.total_seconds():g} s at most")
        self.at_most = at_most


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
