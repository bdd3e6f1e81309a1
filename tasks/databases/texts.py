"""What may be told of a statement by its first word. The servers' own walls stand behind each of these."""

from __future__ import annotations

import re

#: Blanks, comments and opening brackets. What MySQL runs although it stands in a comment is none.
_BEFORE = re.compile(r"(?:[\s(;]+|--[^\n]*(?:\n|$)|#[^\n]*(?:\n|$)|/\*(?!M?!).*?\*/)*", re.DOTALL)
_WORD = re.compile(r"[A-Za-z]+")
_CHARACTER = re.compile(r"SET\s+(?:SESSION\s+|LOCAL\s+|GLOBAL\s+)?(?:TRANSACTION|CHARACTERISTICS)\b", re.IGNORECASE)

READING = {"SELECT", "WITH", "VALUES", "TABLE", "SHOW", "EXPLAIN", "DESCRIBE", "DESC", "PRAGMA"}
_OF_TRANSACTIONS = {
    "BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE", "PREPARE", "XA",
}  # fmt: skip
_OF_FILES = {"COPY", "LOAD", "ATTACH", "DETACH"}


def first_word(text: str) -> str:
    """In capitals; empty where there is none."""
    begin = _BEFORE.match(text)
    word = _WORD.match(text, begin.end() if begin else 0)
    return word[0].upper() if word else ""


def refusal(text: str) -> str | None:
    """Why no job may run it, if that is so."""
    word = first_word(text)
    if word in _OF_TRANSACTIONS or _CHARACTER.match(text.lstrip()):
        return f"{word} is the job's own affair: say how in transaction, isolation and read_only"
    if word in _OF_FILES:
        return f"{word} works on files of a server: read rows with a query, and store them as an artifact"
    return None


def reads(text: str) -> bool:
    """Whether it has the form of one that only reads: a list, so that what is unknown is none."""
    return first_word(text) in READING
