"""Keeps secrets of the attempts that run in this process out of what the process itself logs, whoever logs it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jobs.rules.masking import Masker

#: Replaced, never changed: lines are logged by all threads.
_maskers: tuple[Masker, ...] = ()
_lock = threading.Lock()


@contextmanager
def hiding() -> Iterator[Callable[[Masker], None]]:
    """What is handed to the function is hidden to the end of the block."""
    own: list[Masker] = []

    def hide(masker: Masker) -> None:
        own.append(masker)
        _change(lambda maskers: (*maskers, masker))

    try:
        yield hide
    finally:
        if own:
            _change(lambda maskers: tuple(each for each in maskers if each not in own))


def _change(change: Callable[[tuple[Masker, ...]], tuple[Masker, ...]]) -> None:
    global _maskers  # noqa: PLW0603 - one of the process, as its log is
    with _lock:
        _maskers = change(_maskers)


def redacted(text: str) -> str:
    """The text without what is hidden just now."""
    for masker in _maskers:
        text = masker.text(text)
    return text
