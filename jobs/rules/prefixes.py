"""What begins with a text, as a range: row-level security lets a range go by an index, and LIKE not."""

from __future__ import annotations

from uuid import UUID

_LAST = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)


def after_all(prefix: str) -> str | None:
    """The first text, by code points, after all that begin with ``prefix``; None if there is none."""
    kept = prefix.rstrip(chr(_LAST))
    if not kept:
        return None
    following = ord(kept[-1]) + 1
    return kept[:-1] + chr(_SURROGATES.stop if following in _SURROGATES else following)


def ids(beginning: str) -> tuple[UUID, UUID] | None:
    """The lowest and the highest id whose text begins so; None if no id's does."""
    low, high = (
        beginning.lower() + filler[len(beginning) :] for filler in (str(UUID(int=0)), str(UUID(int=2**128 - 1)))
    )
    try:
        found = UUID(low), UUID(high)
    except ValueError:
        return None
    return found if (str(found[0]), str(found[1])) == (low, high) else None
