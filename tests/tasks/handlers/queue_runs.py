"""One attempt of ``message_queue`` in a test, and the connections it may have."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from jobs import handlers
from tests.support import contexts
from tests.support.contexts import RecordingContext

LOCAL = ["127.0.0.1"]


def run(fields: Any, *, context: RecordingContext | None = None, allowed: Sequence[str] = LOCAL, **payload: Any) -> Any:
    """Its result."""
    handler = handlers.get("message_queue")
    params = handler.params.model_validate({"connection": "broker", **payload})
    if context is not None:
        context.revealed = {"broker": fields}
        return handler.run(params, context)
    with contexts.recording(allowed, timeout=60, revealed={"broker": fields}) as own:
        return handler.run(params, own)


def consumed(fields: Any, **payload: Any) -> tuple[Any, list[Any]]:
    """The result of a consumer, and the messages in its artifact."""
    payload = {"operation": "consume", "idle_seconds": 0.5, **payload}
    with contexts.recording(LOCAL, timeout=60) as context:
        result = run(fields, context=context, **payload)
        return result, stored(context)


def stored(context: RecordingContext) -> list[Any]:
    """All messages that the attempt has kept."""
    return [json.loads(line) for kept in context.artifacts.values() for line in kept.content.splitlines()]


def kafka(servers: Sequence[str]) -> dict[str, Any]:
    return {"kind": "kafka", "servers": list(servers), "tls": "off"}
