"""How texts of a certain form are described to who got one wrong: a regular expression is no sentence."""

from __future__ import annotations

_WORDS: dict[str, str] = {}


def written(pattern: str, words: str) -> str:
    """The pattern, for a field; ``words`` say after "must be" what matches it."""
    _WORDS[pattern] = words
    return pattern


def told(pattern: str) -> str:
    """What is wrong with a text that does not match."""
    words = _WORDS.get(pattern)
    return f"must be {words}" if words else f"has a form that is not taken here: it must match {pattern}"
