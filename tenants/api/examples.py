"""Examples of bodies where readers look for them. Pure, over the finished document.

A shape says an example of its own (``example = {...}`` on a serializer); a union has those of its members, by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Document = dict[str, Any]


def add(document: Document) -> Document:
    """The document, with the examples of each body's schema beside the body."""
    for methods in document["paths"].values():
        for operation in methods.values():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            if found := dict(_of(document, body.get("schema", {}))):
                body.setdefault("examples", {name: {"value": value} for name, value in found.items()})
    return document


def _of(document: Document, schema: Mapping[str, Any], name: str = "usual") -> Iterator[tuple[str, Any]]:
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    yield from ((name, value) for value in schema.get("examples", [])[:1])
    for value, reference in schema.get("discriminator", {}).get("mapping", {}).items():
        yield from _of(document, {"$ref": reference}, value)
