"""Keeps secrets of the attempts that run in this process out of what the process itself logs, whoever logs it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # beat logs too, and has nothing of the domain in it
    from jobs.rules.masking import Masker


class Hiding(Protocol):
    """Has secrets that must not be readable, perhaps more as it goes on."""

    masker: Masker


#: Tokens that are part of addresses, which whoever serves a request may log: of hooks and of invitations.
_IN_ADDRESSES = re.compile(r"(hk_|inv_)[0-9A-Za-z_-]{43}")
#: Replaced, never changed: lines are logged by all threads.
_hiding: tuple[Hiding, ...] = ()
_lock = threading.Lock()


@contextmanager
def hiding(whose: Hiding) -> Iterator[None]:
    """No line that is logged before the end of the block tells its secrets."""
    global _hiding  # noqa: PLW0603 - one of the process, as its log is
    with _lock:
        _hiding = (*_hiding, whose)
    try:
        yield
    finally:
        with _lock:
            _hiding = tuple(each for each in _hiding if each is not whose)


def redacted(text: str) -> str:
    """The text without what is hidden just now, and without tokens that addresses end with."""
    text = _IN_ADDRESSES.sub(r"\1…", text)
    for each in _hiding:
        text = each.masker.text(text)
    return text
