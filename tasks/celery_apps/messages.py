"""What Celery's workers read and write, version 2 of its protocol: a task, a control command, a result."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from jobs.handlers import HandlerError, Json
from tasks import foreign
from tasks.celery_apps.params import CeleryTaskParams

CONTROL = "celery.pidbox"
FINISHED = {"SUCCESS", "FAILURE", "REVOKED", "REJECTED", "IGNORED"}


@dataclass(frozen=True)
class Task:
    """A message that makes a worker run it. ``reply_to``: a queue for its result, where a result backend answers there."""

    id: str
    body: bytes
    headers: Mapping[str, Json]
    reply_to: str


@dataclass(frozen=True)
class Outcome:
    """What a result backend says of a task."""

    state: str
    result: Json = None
    traceback: str = ""


def task(params: CeleryTaskParams, key: str, *, seconds: float, reply_to: str) -> Task:
    """The message. If it is waited for, nobody begins it after so many ``seconds``, and nobody works on it any longer."""
    id_ = str(uuid4())
    expires = datetime.fromtimestamp(time.time() + seconds, UTC).isoformat() if params.wait else None
    headers = {
        "lang": "py",
        "task": params.task,
        "id": id_,
        "root_id": id_,
        "parent_id": None,
        "group": None,
        "shadow": None,
        "eta": None,
        "expires": expires,
        "retries": 0,
        "timelimit": [max(int(seconds), 1) if params.wait else None, None],
        # Shown by whatever watches their workers; there may be secrets in them.
        "argsrepr": "…",
        "kwargsrepr": "…",
        "origin": "carillon",
        "ignore_result": not params.wait,
        "carillon_execution": key,
    }
    embedded = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    return Task(id_, json.dumps([params.args, params.kwargs, embedded]).encode(), headers, reply_to)


def revocation(task_id: str) -> bytes:
    """A command to all workers: do not begin it, and end what runs of it."""
    arguments = {"task_id": task_id, "terminate": True, "signal": "SIGTERM"}
    return json.dumps(
        {"method": "revoke", "arguments": arguments, "destination": None, "pattern": None, "matcher": None}
    ).encode()


def enveloped(body: bytes, headers: Mapping[str, Json], *, exchange: str, key: str, more: Mapping[str, Json]) -> bytes:
    """A message as kombu keeps it in a Redis, which knows no messages."""
    properties = {
        "delivery_mode": 2,
        "delivery_info": {"exchange": exchange, "routing_key": key},
        "priority": 0,
        "body_encoding": "base64",
        "delivery_tag": str(uuid4()),
        **more,
    }
    whole = {
        "body": base64.b64encode(body).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers,
        "properties": properties,
    }
    return json.dumps(whole).encode()


def outcome(data: bytes) -> Outcome:
    """A result as the backends for Redis and AMQP store it."""
    try:
        told = foreign.parsed(data)
        return Outcome(str(told["status"]), told.get("result"), str(told.get("traceback") or ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        message = "the task's result is no JSON: set result_serializer of its app to json"
        raise HandlerError(message, tags={"result"}) from None


def failure(task_name: str, found: Outcome) -> HandlerError:
    """Why a task that has ended is no success."""
    if found.state != "FAILURE":
        return HandlerError(f"{task_name} was {found.state.lower()} by its app", tags={f"celery:{found.state}"})
    told: Mapping[str, Any] = found.result if isinstance(found.result, dict) else {"exc_message": found.result}
    kind, said = str(told.get("exc_type", "Exception"))[:200], told.get("exc_message", "")
    said = ", ".join(map(str, said)) if isinstance(said, list) else str(said)
    return HandlerError(f"{kind}: {said}"[:4000], tags={"celery:FAILURE", f"exception:{kind}"})
