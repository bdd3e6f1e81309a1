"""An exception's traceback as its author wants to read it: from their own first frame on, and without local values."""

from __future__ import annotations

import asyncio
import traceback
from pathlib import Path

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


def trimmed(error: BaseException) -> str:
    """The traceback without the frames on the way to the first one that is not ours."""
    frames = traceback.extract_tb(error.__traceback__)
    while len(frames) > 1 and frames[0].filename.startswith(_ON_THE_WAY):
        del frames[0]
    return "".join([*traceback.format_list(frames), *traceback.format_exception_only(error)]).rstrip()
