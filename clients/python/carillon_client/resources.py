"""What all resources share, and those that are small."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Unpack, cast

from carillon_client.shapes import (
    Callable,
    DeadLetter,
    Execution,
    JobType,
    Me,
    Operation,
    Queue,
    Secret,
    SecretInputFields,
    SecretVersion,
    User,
    Worker,
)
from carillon_client.transport import Transport, quoted


class Resource:
    """One path of the API, and what is below it."""

    path: ClassVar[str]

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def _get(self, below: str, **query: Any) -> Any:
        return self._transport.send("GET", f"{self.path}/{below}", query=query)

    def _post(self, below: str, body: Mapping[str, Any] | None = None) -> Any:
        path = f"{self.path}/{below}" if below else self.path
        return self._transport.send("POST", path, body=body or {})


class DeadLetters(Resource):
    """Exhausted executions, until somebody decides."""

    path = "dead-letters"

    def list(self, **filters: Any) -> Iterator[DeadLetter]:
        """Newest first: ``state=``, ``job=``, ``code=``."""
        return self._transport.pages(self.path, filters)

    def get(self, id: str) -> DeadLetter:
        """One dead letter."""
        return cast(DeadLetter, self._get(quoted(id)))

    def redrive(self, id: str) -> DeadLetter:
        """Replay its execution and close it; ``redriven_as`` is the new execution."""
        return cast(DeadLetter, self._post(f"{quoted(id)}/redrive"))

    def discard(self, id: str) -> DeadLetter:
        """Close it without running it again."""
        return cast(DeadLetter, self._post(f"{quoted(id)}/discard"))


class Queues(Resource):
    """Queues of the platform. Changing them takes a key with the scope ``platform``."""

    path = "queues"

    def list(self) -> Iterator[Queue]:
        """By name."""
        return self._transport.pages(self.path, {})

    def get(self, name: str) -> Queue:
        """One queue."""
        return cast(Queue, self._get(quoted(name)))

    def pause(self, name: str) -> Queue:
        """Start nothing more of it; what runs goes on."""
        return cast(Queue, self._post(f"{quoted(name)}/pause"))

    def resume(self, name: str) -> Queue:
        """Go on."""
        return cast(Queue, self._post(f"{quoted(name)}/resume"))


class Secrets(Resource):
    """Secrets of the tenant, by id or name. A value is written, and never read."""

    path = "secrets"

    def list(self, **filters: Any) -> Iterator[Secret]:
        """Newest first."""
        return self._transport.pages(self.path, filters)

    def get(self, secret: str) -> Secret:
        """One secret, without its value."""
        return cast(Secret, self._get(quoted(secret)))

    def create(self, **secret: Unpack[SecretInputFields]) -> Secret:
        """A new secret, version 1."""
        return cast(Secret, self._post("", secret))

    def set(self, secret: str, value: str | Mapping[str, Any]) -> Secret:
        """A new version, in force for whatever starts from now on."""
        return cast(Secret, self._transport.send("PATCH", f"{self.path}/{quoted(secret)}", body={"value": value}))

    def delete(self, secret: str, *, force: bool = False) -> None:
        """Destroy it with all its versions; refused while jobs name it, unless forced."""
        self._transport.send("DELETE", f"{self.path}/{quoted(secret)}", query={"force": force})

    def versions(self, secret: str) -> Sequence[SecretVersion]:
        """The versions that are kept, newest first."""
        return cast(Sequence[SecretVersion], self._get(f"{quoted(secret)}/versions")["data"])

    def rollback(self, secret: str, *, version: int) -> Secret:
        """Put another of its versions in force."""
        return cast(Secret, self._post(f"{quoted(secret)}/rollback", {"version": version}))

    def used_by(self, secret: str) -> Iterator[User]:
        """The jobs that name it."""
        return self._transport.pages(f"{self.path}/{quoted(secret)}/used-by", {})

    def test(self, secret: str) -> Execution:
        """Try a connection out on a worker: the execution's ``result`` says how far it got."""
        return cast(Execution, self._post(f"{quoted(secret)}/test"))


class Operations(Resource):
    """Work on many executions at once, that goes on after its request."""

    path = "operations"

    def list(self, **filters: Any) -> Iterator[Operation]:
        """Newest first."""
        return self._transport.pages(self.path, filters)

    def get(self, id: str) -> Operation:
        """One, with how far it is."""
        return cast(Operation, self._get(quoted(id)))

    def start(
        self, action: str, *, filter: Mapping[str, Any] | None = None, ids: Sequence[str] | None = None, **more: Any
    ) -> Operation:
        """``cancel`` or ``replay`` all executions of a filter, or these; with ``reason`` and ``rate_per_second`` if wanted."""
        chosen = {"ids": [*(ids or ())]} if filter is None else {"filter": filter}
        body = {"action": action, **chosen, **more}
        return cast(Operation, self._transport.send("POST", "executions/bulk", body=body))

    def pause(self, id: str) -> Operation:
        """Hold it."""
        return cast(Operation, self._post(f"{quoted(id)}/pause"))

    def resume(self, id: str) -> Operation:
        """Go on."""
        return cast(Operation, self._post(f"{quoted(id)}/resume"))

    def cancel(self, id: str) -> Operation:
        """Do no more of it; what is done stays done."""
        return cast(Operation, self._post(f"{quoted(id)}/cancel"))


class Lookups:
    """What is there to be used, and who asks."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def me(self) -> Me:
        """Whose key this is, and what it may do."""
        return cast(Me, self._transport.send("GET", "me"))

    def job_types(self) -> Iterator[JobType]:
        """Every job type, with the schema of its payload."""
        return self._transport.pages("job-types", {})

    def callables(self) -> Iterator[Callable]:
        """What ``python`` jobs of this tenant may call."""
        return self._transport.pages("callables", {})

    def workers(self) -> Iterator[Worker]:
        """The workers."""
        return self._transport.pages("workers", {})
