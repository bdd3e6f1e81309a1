"""The times of a day in words: ``At 02:30``, ``Every 5 minutes of the hours 9 through 17``."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.sentences import listing

#: So many times of a day are named one by one.
_MOST_NAMED = 6
#: From so many values with one step on, the step is told instead.
_STEPS = 4

Values = Sequence[int]


def words(seconds: Values, minutes: Values, hours: Values) -> str:
    """All these seconds of these minutes of these hours, each ascending. In lower case."""
    every_hour = len(hours) == 24
    if not every_hour and len(seconds) * len(minutes) * len(hours) <= _MOST_NAMED:
        return "at " + listing.joined(
            [clock(hour, minute, second) for hour in hours for minute in minutes for second in seconds]
        )
    units = [("minute", minutes, 60), ("hour", hours, 24)]
    if list(seconds) != [0]:
        units.insert(0, ("second", seconds, 60))
    return _chain(units)


def clock(hour: int, minute: int, second: int = 0) -> str:
    """``02:30``, with seconds where there are some."""
    return f"{hour:02}:{minute:02}" + (f":{second:02}" if second else "")


def _chain(units: Sequence[tuple[str, Values, int]]) -> str:
    """The finest unit first; what is whole is told only of what says nothing of it."""
    (unit, values, size), *coarser = units
    step = _even_step(values, size)
    said = [f"every {step} {unit}s" if step and step > 1 else f"every {unit}" if step else f"at {_some(unit, values)}"]
    whole = bool(step)
    for index, (name, found, many) in enumerate(coarser):
        if whole and all(len(rest) == top for _, rest, top in coarser[index:]):
            break
        whole = len(found) == many
        said.append(f"every {name}" if whole else _some(name, found))
    return " of ".join(said)


def _even_step(values: Values, size: int) -> int | None:
    """The step that brings them round a whole turn from 0; None if there is none."""
    if len(values) < 2 or values[0] != 0 or size % len(values):
        return None
    step = size // len(values)
    return step if list(values) == list(range(0, size, step)) else None


def _some(unit: str, values: Values) -> str:
    article = "the " if unit == "hour" else ""
    if len(values) == 1:
        return f"{unit} {values[0]}"
    step = values[1] - values[0]
    if step > 1 and len(values) >= _STEPS and list(values) == list(range(values[0], values[-1] + 1, step)):
        return f"every {listing.ordinal(step)} {unit} from {values[0]} through {values[-1]}"
    return f"{article}{unit}s {listing.spans(values, str)}"
