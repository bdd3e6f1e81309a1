"""``client.executions``: every run, what it did, and waiting for it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from carillon_client import errors, streams
from carillon_client.resources import Resource
from carillon_client.shapes import (
    Attempt,
    Execution,
    Explanation,
    LogLine,
    NewExecutionInput,
    OneExecution,
    StateChange,
    Triggered,
)
from carillon_client.streams import Event
from carillon_client.transport import pause, quoted

#: States that never change any more.
ENDED = frozenset({"succeeded", "failed", "cancelled", "skipped"})


class Executions(Resource):
    """Executions of the tenant's jobs."""

    path = "executions"

    def list(self, **filters: Any) -> Iterator[Execution]:
        """Newest first: ``state=["failed"]``, ``job=``, ``queue=``, ``trigger=``; others as the API names them."""
        return self._transport.pages(self.path, filters)

    def get(self, id: str, **query: Any) -> OneExecution:
        """One, with what it waits for."""
        return cast(OneExecution, self._get(quoted(id), **query))

    def create(
        self,
        job: str,
        *,
        payload: Mapping[str, Any] | None = None,
        run_at: str | None = None,
        dedup_key: str | None = None,
    ) -> Triggered:
        """Run a job now, or at ``run_at``; ``payload`` goes over the job's.

        What another request with this ``dedup_key`` has made already comes back ``deduplicated``.
        """
        return cast(Triggered, self._post("", {"job": job, **wish(payload, run_at, dedup_key)}))

    def batch(self, executions: Sequence[NewExecutionInput]) -> Sequence[Triggered]:
        """Up to 500 at once, all or none, in their order."""
        return cast(Sequence[Triggered], self._post("batch", {"executions": [*executions]})["data"])

    def cancel(self, id: str) -> Execution:
        """Cancelled at once while it waits; a running one is asked to stop."""
        return cast(Execution, self._post(f"{quoted(id)}/cancel"))

    def retry(self, id: str) -> Execution:
        """Run it again as it was: a new execution."""
        return cast(Execution, self._post(f"{quoted(id)}/retry"))

    def replay(self, id: str, *, payload: Mapping[str, Any] | None = None, with_downstream: bool = False) -> Execution:
        """Run it again with an edited payload: a new execution; ``with_downstream``: and what depends on its job."""
        body = {
            **({} if payload is None else {"payload": payload}),
            **({"with_downstream": True} if with_downstream else {}),
        }
        return cast(Execution, self._post(f"{quoted(id)}/replay", body))

    def attempts(self, id: str) -> Sequence[Attempt]:
        """Every try, first to last."""
        return [*cast(Iterator[Attempt], self._transport.pages(f"{self.path}/{quoted(id)}/attempts", {}))]

    def events(self, id: str, **query: Any) -> Iterator[StateChange]:
        """The changes of its state so far, first to last; with ``after``, those after one."""
        while True:
            page = self._get(f"{quoted(id)}/events", **query)
            yield from page["data"]
            if page["next_cursor"] is None:
                return
            query["after"] = page["next_cursor"]

    def logs(self, id: str, *, after: int = 0, level: Sequence[str] | None = None) -> Iterator[LogLine]:
        """What it printed and logged so far, in order."""
        while True:
            page = self._get(f"{quoted(id)}/logs", after=after, level=level)
            yield from page["data"]
            if page["next_cursor"] is None:
                return
            after = int(page["next_cursor"])

    def explain(self, id: str) -> Explanation:
        """Why it is where it is, in words and codes."""
        return cast(Explanation, self._get(f"{quoted(id)}/explain"))

    def stream(
        self, id: str, *, after: str = "", states_only: bool = False, timeout: float | None = None
    ) -> Iterator[Event]:
        """Its states and log lines from the beginning, or after an event's id, then as they come, to its end."""
        until = None if timeout is None else time.monotonic() + timeout
        return streams.follow(
            self._transport, f"{self.path}/{quoted(id)}/stream", after=after, states_only=states_only, until=until
        )

    def wait(self, id: str, *, timeout: float | None = None) -> Execution:
        """Wait until it has ended, and return it; raises :class:`errors.TimedOut` if that takes longer than ``timeout`` seconds.

        Follows its stream; where none is to be had, asks again and again.
        """
        until = None if timeout is None else time.monotonic() + timeout
        try:
            path = f"{self.path}/{quoted(id)}/stream"
            for event in streams.follow(self._transport, path, states_only=True, until=until, insist=False):
                if event.name == "end":
                    return cast(Execution, event.data["execution"])
        except errors.CarillonError:
            pass  # whatever it was, if it is no matter of the stream alone it comes again
        return self._poll(id, until)

    def _poll(self, id: str, until: float | None) -> Execution:
        tries = 0
        while (found := self.get(id))["state"] not in ENDED:
            seconds = min(pause(tries), 2.0)
            if until is not None and time.monotonic() + seconds > until:
                raise errors.TimedOut(f"execution {id} is {found['state']}, and has not ended in time")
            self._transport.sleep(seconds)
            tries += 1
        return found


def wish(payload: Mapping[str, Any] | None, run_at: str | None, dedup_key: str | None = None) -> dict[str, Any]:
    given = {"payload": payload, "run_at": run_at, "dedup_key": dedup_key}
    return {name: value for name, value in given.items() if value is not None}
