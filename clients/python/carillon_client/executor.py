"""A reference executor: claims executions over HTTP, runs them in threads, and reports. Standard library alone.

    from carillon_client.executor import Executor, Task

    def work(task: Task) -> dict[str, int]:
        task.log("reading")
        for page in range(10):
            if task.cancelled:
                return {}
            task.progress(page / 10)
        return {"rows": 1200}

    Executor(url, key, name="eu-1", queues=["external"], capabilities=["eu"], max_concurrent=4).run(work)

SIGTERM or Ctrl-C: it claims nothing more, lets what runs end within ``patience`` seconds, and gives the rest back. The
protocol, for executors in other languages, is in docs/executors.md.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

from carillon_client.plain_http import PAUSE, Http, Refused
from carillon_client.tasks import Failed, Task

__all__ = ["Executor", "Failed", "Refused", "Task"]

Work = Callable[[Task], Any]
LONGEST_POLL = 25.0
FLUSH_EVERY = 0.5


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Executor:
    """One process. ``max_concurrent`` threads run what it claims; it claims no more than it has threads free."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        name: str,
        queues: Sequence[str],
        capabilities: Sequence[str] = (),
        max_concurrent: int = 1,
        patience: float = 30.0,
        say: Callable[[str], None] = _say,
    ) -> None:
        self._http = Http(url, key)
        self._wish = {
            "name": name, "queues": [*queues], "capabilities": [*capabilities], "max_concurrent": max_concurrent,
            "instance": uuid4().hex,
        }  # fmt: skip
        self._most = max_concurrent
        self._patience = patience
        self._say = say
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._changed = threading.Condition()
        self._tasks: dict[str, Task] = {}
        self._id = ""
        self._lease = ""
        self._beat_every = 2.0
        self._lease_seconds = 30.0

    def stop(self, *_: Any) -> None:
        """Claim nothing more, and end when all has ended."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()

    def run(self, work: Work) -> None:
        """Until it is stopped, by a signal if this is the main thread."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self.stop)
        self._register()
        for helper in (lambda: self._claim_all(work), self._beat_all, self._flush_all):
            threading.Thread(target=helper, daemon=True).start()
        while not self._stopping.wait(1.0):
            pass  # a signal is looked at between two waits
        self._drain()
        self._ended.set()
        try:
            self._http.post(f"executors/{self._id}/leave", {"lease": self._lease})
        except (Refused, OSError) as error:
            self._say(f"left without a word: {error}")

    def _register(self) -> None:
        told = self._http.post("executors", self._wish, patience=120.0)
        self._id, self._lease = told["id"], told["lease"]
        self._beat_every, self._lease_seconds = told["heartbeat_seconds"], told["lease_seconds"]
        self._say(f"registered as {told['name']}")

    def _claim_all(self, work: Work) -> None:
        while not self._stopping.is_set():
            try:
                self._claim(work)
            except (Refused, OSError) as error:
                self._say(f"nothing claimed: {error}")
                self._stopping.wait(PAUSE)

    def _claim(self, work: Work) -> None:
        """Wait for room, then for work."""
        with self._changed:
            while len(self._tasks) >= self._most and not self._stopping.is_set():
                self._changed.wait(1.0)
            free = self._most - len(self._tasks)
        if self._stopping.is_set():
            return
        body = {"lease": self._lease, "max": min(free, 50), "wait_seconds": LONGEST_POLL}
        claimed = self._http.post(f"executors/{self._id}/claim", body, timeout=LONGEST_POLL + 10.0)["data"]
        if self._stopping.is_set():
            return  # nobody holds these: leaving gives them back
        for each in claimed:
            task = Task(self._http, each)
            with self._changed:
                self._tasks[task.execution] = task
            threading.Thread(target=self._run, args=(task, work), daemon=True).start()

    def _run(self, task: Task, work: Work) -> None:
        try:
            self._work(task, work)
        except (Refused, OSError) as error:
            self._say(f"{task.execution} could not be reported: {error}")
        finally:
            with self._changed:
                self._tasks.pop(task.execution, None)
                self._changed.notify_all()

    @staticmethod
    def _work(task: Task, work: Work) -> None:
        try:
            result = work(task)
        except Failed as failure:
            said = {"message": str(failure), "code": failure.code, "permanent": failure.permanent}
            task.end("fail", retry_after_seconds=failure.retry_after, **said)
        except Exception as error:  # noqa: BLE001 - whatever the work raises is its failure
            task.end("fail", message=f"{type(error).__name__}: {error}")
        else:
            if task.cancel_requested:
                task.end("cancelled")
            elif task.cancelled:
                task.end("release")
            else:
                task.end("complete", result=result)

    def _beat_all(self) -> None:
        """Renew the lease as long as there is a process. Unheard for as long as the lease, all is lost."""
        heard = time.monotonic()
        while not self._ended.wait(self._beat_every):
            with self._changed:
                tasks = dict(self._tasks)
            try:
                self._beat(tasks)
                heard = time.monotonic()
            except (Refused, OSError) as error:
                self._say(f"no heartbeat: {error}")
                if isinstance(error, Refused) and error.status in (404, 409):
                    self._lose(tasks)
                    self.stop()
                elif time.monotonic() - heard > self._lease_seconds * 0.8:
                    self._lose(tasks)

    def _beat(self, tasks: dict[str, Task]) -> None:
        """Say what is held, and stop what is to be stopped."""
        body = {"lease": self._lease, "draining": self._stopping.is_set(), "holding": [*tasks]}
        told = self._http.post(f"executors/{self._id}/heartbeat", body, timeout=5.0, patience=5.0)
        self._beat_every = told["heartbeat_seconds"]
        for name in told["cancel"]:
            if name in tasks:
                tasks[name].cancel()
        self._lose({name: tasks[name] for name in told["stop"] if name in tasks})

    @staticmethod
    def _lose(tasks: dict[str, Task]) -> None:
        for task in tasks.values():
            task.lose()

    def _flush_all(self) -> None:
        while not self._ended.wait(FLUSH_EVERY):
            with self._changed:
                tasks = [*self._tasks.values()]
            for task in tasks:
                try:
                    task.flush()
                except (Refused, OSError) as error:
                    self._say(f"the log of {task.execution} is not stored yet: {error}")

    def _drain(self) -> None:
        """Let what runs end; then ask it to stop, and give it back."""
        self._say(f"stopping; {len(self._tasks)} under way")
        self._wait(self._patience)
        for task in [*self._tasks.values()]:
            task.give_up()
        self._wait(5.0)

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        with self._changed:
            while self._tasks and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
