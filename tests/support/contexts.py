"""A Context for tests: it records what a handler does with it."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID, uuid4

from jobs import connections
from jobs.artifacts.writing import ArtifactFile
from jobs.connections import Connection
from jobs.handlers import Cancelled, HandlerError, PermanentFailure
from jobs.rules import artifacts as rules
from jobs.rules import sub_runs
from jobs.rules.approvals import Decision, Question, Standing
from jobs.rules.codes import Failure
from jobs.rules.masking import Masker
from jobs.rules.sub_runs import Ended, EndedChild, Plan

#: A job whose executions end only when they are asked to.
NEVER_ENDS = "never ends"

#: A question that nobody decides on.
UNANSWERED = "Does anybody decide?"


@dataclass(frozen=True)
class Line:
    message: str
    level: str
    stream: str


class Kept:
    """An artifact in a file without a name, so that nothing of it outlives the test."""

    def __init__(self) -> None:
        self.file: Any = tempfile.TemporaryFile()  # noqa: SIM115 - closed with what holds it
        self.reference: Mapping[str, Any] = {}

    def write(self, data: bytes | memoryview) -> None:
        self.file.write(data)

    def finish(self) -> None:
        self.file.flush()

    def abandon(self) -> None:
        self.file.close()

    def open(self) -> BinaryIO:
        """From its beginning, apart from whoever else reads it."""
        return open(f"/proc/self/fd/{self.file.fileno()}", "rb")

    @property
    def content(self) -> bytes:
        with self.open() as file:
            return file.read()


@dataclass
class RecordingContext:
    """Satisfies jobs.handlers.Context; ``lines`` and ``steps`` are what was logged and reported."""

    allowed_hosts: Sequence[str] = ()
    attempt: int = 1
    tenant: str = "acme"
    job: str = "nightly"
    timeout: float = 30.0
    max_file_bytes: int | None = None
    earlier: Any = None
    #: What an earlier go kept as it deferred.
    keeps: Any = None
    secrets: Sequence[str] = ()
    #: What :meth:`connection` finds, by name, as a worker gets it revealed.
    revealed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: How :meth:`ask` is answered.
    answer: Standing = Standing.APPROVED
    execution_id: UUID = field(default_factory=uuid4)
    lines: list[Line] = field(default_factory=list)
    steps: list[tuple[float, str]] = field(default_factory=list)
    #: Of its job, by name.
    bookmarks: dict[str, Any] = field(default_factory=dict)
    #: What was kept of it, by name; ``content`` and ``reference`` of each.
    artifacts: dict[str, Kept] = field(default_factory=dict)
    #: Most bytes of one.
    most_artifact: int = 64 * 1024 * 1024
    #: Set by the first line that is logged, so a test can wait for a handler to be under way.
    logged: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)
    end: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.idempotency_key = str(self.execution_id)
        self._deadline = time.monotonic() + self.timeout
        self._folder: Path | None = None

    def remaining(self) -> float:
        return self._deadline - time.monotonic()

    @property
    def cancelled(self) -> bool:
        return self.stop.is_set()

    @property
    def ending(self) -> bool:
        return self.end.is_set()

    def raising_softly(self) -> AbstractContextManager[None]:
        return nullcontext()

    def log(self, message: str, *, level: str = "info", stream: str = "handler") -> None:
        self.lines.append(Line(message, level, stream))
        self.logged.set()

    def masking(self) -> Any:
        return Masker(self.secrets).stream()

    def progress(self, fraction: float, message: str = "") -> None:
        self.steps.append((fraction, message))

    def earlier_result(self) -> Any:
        return self.earlier

    def bookmark(self, name: str) -> Any:
        return self.bookmarks.get(name)

    def keep_bookmark(self, name: str, value: Any) -> None:
        self.bookmarks[name] = value

    def kept(self) -> Any:
        return self.keeps

    def hide(self, secrets: Iterable[str]) -> None:
        self.secrets = [*self.secrets, *secrets]

    def connection(self, name: str) -> Connection:
        if name not in self.revealed:
            raise PermanentFailure(f"there is no secret named {name}", code=Failure.CONFIG_INVALID)
        return connections.load(self.revealed[name])

    def ask(self, question: Question) -> Decision:
        """Approved at once; what nobody answers is waited for as if the worker was kept."""
        if question.text == UNANSWERED:
            self.log("nobody has decided")
            while not self.stop.wait(0.05):
                pass
            raise Cancelled
        return Decision(self.answer, "user:ann@example.com", "x" * 500, datetime.now(UTC))

    @contextmanager
    def artifact(self, name: str, *, content_type: str = "application/octet-stream") -> Iterator[ArtifactFile]:
        rules.check(name, content_type)
        sink = Kept()
        file = ArtifactFile(sink, name=name, content_type=content_type, most=self.most_artifact)
        try:
            yield file
            sink.finish()
        except BaseException:
            sink.abandon()
            raise
        sink.reference = file.reference
        if former := self.artifacts.pop(name, None):
            former.abandon()
        self.artifacts[name] = sink

    def open_artifact(self, reference: Mapping[str, Any], execution_id: UUID | str) -> BinaryIO:
        """Whosever it is: those that a test has kept with this context."""
        kept = self.artifacts.get(reference["artifact"])
        if kept is None or kept.reference["sha256"] != reference["sha256"]:
            raise HandlerError(f"the artifact {reference['artifact']} is not there any more")
        return kept.open()

    def children(self, plan: Plan) -> Ended:
        """All succeed, with what their payload says; those of the job :data:`NEVER_ENDS` go on until they are interrupted."""
        if any(child.job == NEVER_ENDS for child in plan.children):
            self.log("its children run")
            while not self.stop.wait(0.05):
                pass
            raise Cancelled
        made = {child.step: {"parameters": plan.parameters, **child.scope} for child in plan.children}
        given = {child.step: sub_runs.rendered(child.payload, made[child.step]) for child in plan.children}
        results = {step: payload.get("result") for step, payload in given.items()}
        return Ended(
            state="succeeded",
            children=[EndedChild(step=step, state="succeeded", result=results[step]) for step in sorted(results)],
        )

    def folder(self) -> Path:
        """Directly below the system's temporary folder, which every user can reach."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="carillon-test-"))
        return self._folder

    def clean(self) -> None:
        for kept in self.artifacts.values():
            kept.abandon()
        if self._folder is not None:
            shutil.rmtree(self._folder)
            self._folder = None

    def messages(self, stream: str = "handler") -> list[str]:
        return [line.message for line in self.lines if line.stream == stream]


@contextmanager
def recording(
    allowed_hosts: Sequence[str] = (),
    *,
    timeout: float = 30.0,
    attempt: int = 1,
    revealed: Mapping[str, Mapping[str, Any]] | None = None,
) -> Iterator[RecordingContext]:
    """A context whose folder is removed afterwards, as the runner does."""
    context = RecordingContext(allowed_hosts, timeout=timeout, attempt=attempt, revealed=revealed or {})
    try:
        yield context
    finally:
        context.clean()
