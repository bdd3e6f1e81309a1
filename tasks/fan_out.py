"""One call for each of many items, in a few threads of the attempt.

    main thread ── starts n threads, collects outcomes, reports progress
    each thread ── takes the next item, calls, hands over the outcome, until there is none or it shall stop

An interruption is raised in the main thread. From when it is wanted no item is handed out; those under way see
``cancelled`` in their context and are waited for, up to the grace after which the process is killed.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import BinaryIO
from uuid import UUID

from django.db import connections

from jobs.attempt_streams import ArtifactWriter, Masking
from jobs.callables import current
from jobs.connections import Connection
from jobs.handlers import Context, HandlerError, Interrupted, Json, PermanentFailure
from jobs.rules.approvals import Decision, Question
from jobs.rules.sub_runs import Ended, Plan
from tasks import failures


class ItemContext:
    """What one item sees of the attempt. Its lines begin with its place, its key and folder are its own."""

    def __init__(self, attempt: Context, index: int, lock: threading.Lock) -> None:
        self.execution_id = attempt.execution_id
        self.attempt = attempt.attempt
        self.tenant = attempt.tenant
        self.job = attempt.job
        self.idempotency_key = f"{attempt.idempotency_key}:{index}"
        self.allowed_hosts: Sequence[str] = attempt.allowed_hosts
        self.max_file_bytes = attempt.max_file_bytes
        self._whole = attempt
        self._index = index
        self._lock = lock

    def remaining(self) -> float:
        """Seconds until the attempt's deadline."""
        return self._whole.remaining()

    @property
    def cancelled(self) -> bool:
        """Whether the attempt must stop: a thread is not interrupted and has to look."""
        return self._whole.cancelled

    @property
    def ending(self) -> bool:
        """Whether the attempt is asked to come to an end by itself."""
        return self._whole.ending

    def raising_softly(self) -> AbstractContextManager[None]:
        """An item is in a thread, in which nothing is raised: it looks at ``ending``."""
        return nullcontext()

    def log(self, message: str, *, level: str = "info", stream: str = "handler") -> None:
        """A line of the execution's log."""
        self._whole.log(f"items[{self._index}]: {message}", level=level, stream=stream)

    def masking(self) -> Masking:
        """For output that is cut before it is logged."""
        return self._whole.masking()

    def progress(self, fraction: float, message: str = "") -> None:
        """The item's own progress, as a line; the attempt's is how many items have ended."""
        self.log(f"{min(max(fraction, 0), 1):.0%} {message}".rstrip())

    def earlier_result(self) -> Json:
        """Nothing: an item that is called has not succeeded before."""
        return None

    def bookmark(self, name: str) -> Json:
        """The attempt's."""
        return self._whole.bookmark(name)

    def keep_bookmark(self, name: str, value: Json) -> None:
        """The attempt's: items that use one name move each other's."""
        self._whole.keep_bookmark(name, value)

    def kept(self) -> Json:
        """Nothing: an item cannot be deferred by itself."""
        return None

    def hide(self, secrets: Iterable[str]) -> None:
        """From what the whole attempt writes."""
        self._whole.hide(secrets)

    def connection(self, name: str) -> Connection:
        """The attempt's."""
        return self._whole.connection(name)

    def ask(self, question: Question) -> Decision:
        """The attempt's: an execution asks one question."""
        return self._whole.ask(question)

    def artifact(
        self, name: str, *, content_type: str = "application/octet-stream"
    ) -> AbstractContextManager[ArtifactWriter]:
        """The attempt's: items that use one name replace each other's."""
        return self._whole.artifact(name, content_type=content_type)

    def open_artifact(self, reference: Mapping[str, Json], execution_id: UUID | str) -> BinaryIO:
        """As the attempt does."""
        return self._whole.open_artifact(reference, execution_id)

    def children(self, plan: Plan) -> Ended:  # noqa: ARG002 - as the attempt's
        """An item is no execution, and runs none."""
        raise PermanentFailure("an item cannot run other jobs: use a job of type map or workflow")

    def folder(self) -> Path:
        """A folder of the item's own."""
        with self._lock:
            folder = self._whole.folder() / f"item-{self._index}"
            folder.mkdir(mode=0o700, exist_ok=True)
        return folder


@dataclass(frozen=True)
class Outcome:
    """How one item ended."""

    index: int
    result: Json = None
    error: HandlerError | Interrupted | None = None


class FanOut:
    """``call`` for each of the items at ``indexes``, given its index and context; never more than ``threads`` at once.

    ``count`` is how many items there are with those that need no call any more: progress is told of all.
    """

    def __init__(
        self,
        call: Callable[[int, Context], Json],
        *,
        indexes: Sequence[int],
        count: int,
        threads: int,
        stop_on_error: bool,
        attempt: Context,
    ) -> None:
        self._call = call
        self._indexes = indexes
        self._count = count
        self._stop_on_error = stop_on_error
        self._attempt = attempt
        self._lock = threading.Lock()
        self._next = 0
        self._stopping = False
        self._ended: SimpleQueue[Outcome | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=contextvars.copy_context().run, args=(self._work,), daemon=True, name=f"item-{n}")
            for n in range(min(threads, len(indexes)))
        ]

    def run(self) -> list[Outcome]:
        """Every item's outcome that was handed out, in the items' order."""
        try:
            for thread in self._threads:
                thread.start()
            outcomes = self._collect()
        except BaseException:
            self._stopping = True
            for thread in self._threads:
                if thread.ident is not None:
                    thread.join()
            raise
        for outcome in outcomes:
            if isinstance(outcome.error, Interrupted):
                raise outcome.error
        if self._attempt.cancelled and len(outcomes) < len(self._indexes):
            raise Interrupted
        return sorted(outcomes, key=lambda outcome: outcome.index)

    def _collect(self) -> list[Outcome]:
        outcomes: list[Outcome] = []
        working = len(self._threads)
        while working:
            outcome = self._ended.get()
            if outcome is None:
                working -= 1
                continue
            outcomes.append(outcome)
            done = self._count - len(self._indexes) + len(outcomes)
            if 100 * done // self._count > 100 * (done - 1) // self._count:
                self._attempt.progress(done / self._count, f"{done} of {self._count} items")
        return outcomes

    def _work(self) -> None:
        try:
            while (index := self._take()) is not None:
                self._ended.put(self._one(index))
        finally:
            try:
                connections.close_all()
            finally:
                self._ended.put(None)

    def _take(self) -> int | None:
        with self._lock:
            # Looked at here as well: quick items would all be called before the main thread is interrupted.
            if self._stopping or self._attempt.cancelled or self._next == len(self._indexes):
                return None
            self._next += 1
            return self._indexes[self._next - 1]

    def _one(self, index: int) -> Outcome:
        context = ItemContext(self._attempt, index, self._lock)
        try:
            with current.entered(context):
                return Outcome(index, result=self._call(index, context))
        except Interrupted as interruption:
            self._stopping = True
            return Outcome(index, error=interruption)
        except Exception as error:  # noqa: BLE001 - whatever an item raises is its failure
            self._stopping = self._stopping or self._stop_on_error
            text = str(error) if isinstance(error, HandlerError) else failures.trimmed(error)
            context.log(text, level="error", stream="carillon")
            return Outcome(index, error=failures.masked(failures.of(error), context.masking()))
