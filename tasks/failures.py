"""What an exception of somebody's code becomes: a failure with marks, and a traceback its author wants to read."""

from __future__ import annotations

import asyncio
import traceback
from pathlib import Path

from jobs.attempt_streams import Masking
from jobs.handlers import HandlerError

_HERE = Path(__file__).parent
#: What leads to somebody's code, and tells them nothing when it fails.
_ON_THE_WAY = tuple(
    str(path)
    for path in (
        _HERE / "runner.py",
        _HERE / "calling.py",
        _HERE / "fan_out.py",
        _HERE / "handlers" / "python.py",
        Path(asyncio.__file__).parent,
    )
)


def of(error: BaseException) -> HandlerError:
    """A handler's own failure as it is; of any other exception its words, and its classes as marks for retry policies."""
    if isinstance(error, HandlerError):
        return error
    kinds = [f"exception:{kind.__name__}" for kind in type(error).__mro__ if issubclass(kind, Exception)]
    return HandlerError(f"{type(error).__name__}: {error}", tags=kinds)


def masked(error: HandlerError, masking: Masking) -> HandlerError:
    """The failure without secrets in its words, which may be cut."""
    words = str(error)
    kept = (masking.feed(words.encode(errors="replace")) + masking.close()).decode()
    if kept != words:
        error.args = (kept,)
    return error


def trimmed(error: BaseException) -> str:
    """The traceback from the first frame on that is not ours, and without local values."""
    frames = traceback.extract_tb(error.__traceback__)
    while len(frames) > 1 and frames[0].filename.startswith(_ON_THE_WAY):
        del frames[0]
    return "".join([*traceback.format_list(frames), *traceback.format_exception_only(error)]).rstrip()
