"""Numbers and names in a row, as English lists them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

#: So many in a row are told by the first and the last.
_RUN = 3


def joined(texts: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join(filter(None, (", ".join(texts[:-1]), *texts[-1:])))


def ordinal(number: int) -> str:
    """``1st``, ``22nd``, ``13th``."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def spans(values: Sequence[int], named: Callable[[int], str]) -> str:
    """Ascending numbers, those in a row by their ends: ``0, 5 and 10 through 20``."""
    return joined(list(_spans(values, named)))


def _spans(values: Sequence[int], named: Callable[[int], str]) -> Iterator[str]:
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    for run in runs:
        if len(run) >= _RUN:
            yield f"{named(run[0])} through {named(run[-1])}"
        else:
            yield from map(named, run)
