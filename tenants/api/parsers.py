"""Reads JSON bodies strictly, so that nothing behind the edge meets a value it cannot store.

JSON as Python reads it knows NaN, infinite numbers, NUL and lone surrogates; PostgreSQL stores none of
them. Depth and size are bounded because whatever walks a value afterwards recurses over it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any

from django.conf import settings
from django.utils.http import parse_header_parameters
from rest_framework.exceptions import ParseError, UnsupportedMediaType, ValidationError
from rest_framework.parsers import BaseParser

from tenants.api.errors import PayloadTooLarge

MAX_DEPTH = 32
_TOO_DEEP = f"malformed JSON: nested deeper than {MAX_DEPTH} levels"
_WHOLE = range(-(2**63), 2**63)


class StrictJSONParser(BaseParser):
    """``application/json`` in UTF-8. Malformed is a ParseError; a value that cannot be kept names its path."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,  # noqa: ARG002 - DRF's signature
    ) -> Any:
        _refuse_other_charsets(media_type or "")
        body = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise PayloadTooLarge
        try:
            value = json.loads(body.decode(), parse_constant=_refuse_constant, object_pairs_hook=_object)
        except RecursionError:
            raise ParseError(_TOO_DEEP) from None
        except ValueError as error:
            raise ParseError(f"malformed JSON: {error}") from None
        for path, item in _walk(value):
            if problem := _problem(item):
                raise ValidationError({path: [problem]})
        return value


def _refuse_other_charsets(media_type: str) -> None:
    _, parameters = parse_header_parameters(media_type)
    if (charset := str(parameters.get("charset", "utf-8"))).lower() not in ("utf-8", "utf8"):
        raise UnsupportedMediaType(media_type, f"JSON is sent in UTF-8, not in {charset[:40]!r}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of a key that comes twice each reader would take another value."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError(f"the key {_twice(key for key, _ in pairs)[:100]!r} comes twice in one object")
    return made


def _twice(keys: Iterable[str]) -> str:
    seen: set[str] = set()
    return next(key for key in keys if key in seen or seen.add(key))  # type: ignore[func-returns-value]


class MergePatchParser(StrictJSONParser):
    """``application/merge-patch+json`` (RFC 7396), for PATCH of what is merged by it."""

    media_type = "application/merge-patch+json"


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _walk(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key and every value that is no container, with its path; without recursion."""
    stack: list[tuple[str, Any, int]] = [("", value, 0)]
    while stack:
        path, item, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise ParseError(_TOO_DEEP)
        if isinstance(item, dict):
            yield from ((path, key) for key in item)
            stack += [(f"{path}.{key}" if path else key, child, depth + 1) for key, child in item.items()]
        elif isinstance(item, list):
            stack += [(f"{path}[{index}]", child, depth + 1) for index, child in enumerate(item)]
        else:
            yield path, item


def _problem(item: Any) -> str | None:
    if isinstance(item, str):
        if "\0" in item:
            return "must not contain NUL characters"
        if not item.isascii() and any("\ud800" <= character <= "\udfff" for character in item):
            return "must not contain unpaired surrogates"
    elif isinstance(item, int) and item not in _WHOLE:
        return "must fit into 64 bits: send larger numbers as text"
    elif isinstance(item, float) and not math.isfinite(item):
        return "must be a finite number"
    return None
