"""What kind of end it was that was no success."""

from __future__ import annotations

import signal
from collections.abc import Collection

from jobs.handlers import HandlerError, PermanentFailure
from jobs.rules.codes import Failure
from tasks.scripts.payload import Limits

#: What the leash calls them.
_FIELDS = {"memory": "memory_mb", "disk": "disk_mb"}
#: What programs say that were refused something at a limit and end by themselves.
_COMPLAINTS = {
    "memory_mb": (b"MemoryError", b"Cannot allocate memory", b"out of memory", b"std::bad_alloc", b"memory exhausted"),
    "open_files": (b"Too many open files",),
    "disk_mb": (b"File size limit exceeded", b"File too large", b"No space left on device"),
    "processes": (b"Cannot fork", b"can't start new thread", b"fork: retry: Resource temporarily unavailable"),
}


def exceeded(limit: str, limits: Limits) -> HandlerError:
    """A limit at which it was ended."""
    field = _FIELDS.get(limit, limit)
    return HandlerError(
        f"limit exceeded: {field}, it may have {_most(field, limits)}",
        code=Failure.RESOURCE_LIMIT,
        tags={f"limit:{field}"},
    )


def failed(
    code: int, tail: bytes, limits: Limits, *, retry: Collection[int] | None, fail: Collection[int]
) -> HandlerError:
    """An exit code that is no success; ``tail`` is the end of its stderr."""
    message, tags, kind = f"exit code {code}", {f"exit:{code}"}, Failure.EXECUTION_FAILED
    if code - 128 in signal.valid_signals():
        message += f", which means killed by {signal.Signals(code - 128).name}"
    for field, complaints in _COMPLAINTS.items():
        if any(complaint in tail for complaint in complaints):
            message += f"; it was refused something at the limit {field}, of which it may have {_most(field, limits)}"
            kind = Failure.RESOURCE_LIMIT
            tags.add(f"limit:{field}")
            break
    final = code in fail or (retry is not None and code not in retry)
    return (PermanentFailure if final else HandlerError)(message, code=kind, tags=tags, result={"exit_code": code})


def _most(field: str, limits: Limits) -> int:
    return limits.in_force[field]
