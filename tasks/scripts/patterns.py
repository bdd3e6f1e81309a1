"""Patterns of files, matched in time that grows with the length of the path alone, however many stars they have.

``*`` and ``?`` stay within a folder's name, ``**/`` is any folders or none, ``**`` anything. All places in the pattern that
a path may have got to are the bits of one number, so nothing is ever tried twice.
"""

from __future__ import annotations

import re
from collections import defaultdict


class Pattern:
    """One of them."""

    def __init__(self, pattern: str) -> None:
        self._literal: dict[str, int] = defaultdict(int)
        self._one = self._within = self._all = self._folders = self._inside = 0
        place = 0
        for part in re.findall(r"\*\*/|\*\*|.", pattern, re.DOTALL):
            bit = 1 << place
            match part:
                case "**/":
                    self._folders |= bit
                    self._inside |= bit << 1
                    place += 1
                case "**":
                    self._all |= bit
                case "*":
                    self._within |= bit
                case "?":
                    self._one |= bit
                case _:
                    self._literal[part] |= bit
            place += 1
        self._end = 1 << place
        #: Whether any path was matched so far.
        self.has_matched = False

    def matches(self, path: str) -> bool:
        """The whole of it."""
        at = self._on(1)
        for char in path:
            at = self._on(self._after(at, char))
            if not at:
                return False
        if not at & self._end:
            return False
        self.has_matched = True
        return True

    def _after(self, at: int, char: str) -> int:
        found = (at & self._literal.get(char, 0)) << 1
        found |= at & (self._all | self._inside) | (at & self._folders) << 1
        if char == "/":
            return found | (at & self._folders) << 2 | (at & self._inside) << 1
        return found | (at & self._one) << 1 | at & self._within

    def _on(self, at: int) -> int:
        """And what is reached over parts that stand for nothing."""
        while True:
            more = at | (at & (self._within | self._all)) << 1 | (at & self._folders) << 2
            if more == at:
                return at
            at = more
