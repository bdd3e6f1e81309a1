"""RFC 6901: the way to a place in a JSON document, such as ``/items/0/id``. Pure."""

from __future__ import annotations

import re
from typing import Any

from jobs.written_forms import written

#: Either nothing, which is the whole document, or parts that each begin with a slash; ~0 is a tilde, ~1 a slash.
SHAPE = written(
    r"^(/([^~/]|~[01])*)*$",
    "a JSON pointer such as /rows or /data/0/name, with ~1 for a slash in a name and ~0 for a ~",
)
LONGEST = 1000
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")


class MissingPlace(LookupError):
    """The document has no such place."""


def value(document: Any, pointer: str) -> Any:
    """What stands there. Raises :class:`MissingPlace`, which says how far the way leads."""
    found, way = document, ""
    for part in pointer.split("/")[1:]:
        found = _inside(found, part.replace("~1", "/").replace("~0", "~"), way)
        way = f"{way}/{part}"
    return found


def _inside(found: Any, name: str, way: str) -> Any:
    place = way or "the document"
    if isinstance(found, dict):
        if name in found:
            return found[name]
        raise MissingPlace(f"{place} has no {name[:100]!r}")
    if isinstance(found, list):
        if _INDEX.fullmatch(name) and int(name) < len(found):
            return found[int(name)]
        raise MissingPlace(f"{place} is a list of {len(found)} and has no {name[:100]!r}")
    raise MissingPlace(f"{place} is neither an object nor a list, so it has no {name[:100]!r}")
