"""Values that other programs stumble over, put where a good value stood."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

Place = tuple[str | int, ...]

#: JSON as text, so that what Python would not write can be sent too.
ODD = (
    '"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"\\udfff\\ud800"', '"\\ufeff"', '"\\u202e\\u0301\\u200d"', '"\U0001f6b2\U0010ffff"',
    '"\\u0130\\u0131\\u00df\\ufb03"', '"\'; DROP TABLE job; --"', '"../../etc/passwd"', '"{{ secrets.x }}"', '"{{"', '"{% raw %}"',
    '"%s%n{0}${x}"', '" "', '""', f'"{"x" * 100_000}"', f'"{"{{" * 5000}"', "null", "true", "[]", "{}", '{"": ""}', '{"\\u0000": 1}',
    "0", "-1", "1e308", "-0.0", "1e-320", "9223372036854775807", "9223372036854775808", "-9223372036854775809", "9" * 400,
    "1e400", "NaN", "-Infinity", "0.1e-7", f"{'[' * 40}{']' * 40}", f"{'[' * 4000}{']' * 4000}", '{"a":' * 40 + "1" + "}" * 40,
    '"0000-00-00T00:00:00Z"', '"9999-12-31T23:59:59.999999+14:00"', '"2026-02-30T00:00:00Z"', '"-1e9"', '"٣"', '"NaN"',
)  # fmt: skip
_MARK = "odd\u2063value"


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Where something stands in a value."""
    yield at
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*at, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*at, index))


def put(value: Any, place: Place, odd: str) -> str:
    """The value as JSON text with something odd at a place."""
    if not place:
        return odd
    made = copy.deepcopy(value)
    inner = made
    for part in place[:-1]:
        inner = inner[part]
    inner[place[-1]] = _MARK
    return json.dumps(made).replace(json.dumps(_MARK), odd, 1)


@st.composite
def bodies(draw: st.DrawFn, value: Any) -> str:
    """A body with one odd value."""
    return put(value, draw(st.sampled_from(sorted(places(value), key=repr))), draw(st.sampled_from(ODD)))


#: As part of a path or a query, where no JSON is.
TEXTS = (
    "\0", "a\0b", "\ufffe", "\u202e", "\U0001f6b2", "x" * 5000, "..", ".", " ", "%", "%00", "null", "-1", "9" * 400, "'", '"', "{id}",
    "0" * 36, "ffffffff-ffff-ffff-ffff-ffffffffffff", "FFFFFFFF-FFFF-7FFF-BFFF-FFFFFFFFFFFF", "1970-01-01", "٣", "1e9", "true",
)  # fmt: skip
