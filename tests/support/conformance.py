"""What a job type's cases_<type>.py gives to the conformance suite: a function ``case(server) -> Case``.

The server is a running :class:`tests.support.http_server.HttpServer`, for those that call something. A
type that executors run says the first two alone; one that runs commands in the sandbox says ``SANDBOXED = True`` in its module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Payload = Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    #: Ends at once, and with a result that ``accepts`` is true of.
    success: Payload
    accepts: Callable[[Any], bool] = bool
    #: Payloads that are wrong in one field, by that field.
    wrong: Mapping[str, Payload] = field(default_factory=dict)
    #: Would go on for two minutes, however it is asked to end.
    slow: Payload = field(default_factory=dict)
    #: True once the slow one is in the middle of it, told from its log so far.
    under_way: Callable[[Sequence[str]], bool] = bool
    #: What the slow one has on servers meanwhile, sessions or consumers, and must leave none of: looked at until some are
    #: there before it is interrupted, and until none are there after it.
    on_servers: Callable[[], Sequence[object]] | None = None
    #: Ends by itself and produces more than anybody wants to keep.
    oversized: Payload = field(default_factory=dict)
    allowed_hosts: Sequence[str] = ()
    #: Fields of connections, with their kind, by the name of the secret.
    connections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
