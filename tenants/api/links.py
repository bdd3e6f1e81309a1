"""Links of the description: which routes take the id that an answer holds. Pure, over the finished document.

An answer that is a row of ``/jobs`` leads to every route below ``/jobs/{id}``. What a row is, is told by what its own
``GET`` answers and by what its list holds, and an answer that has all fields of such a shape and more is that row too;
by which field it is named, by the path parameter's ``x-field``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Document = dict[str, Any]
_SCHEMAS = "#/components/schemas/"


def add(document: Document) -> Document:
    """The document, with links in the answers that are rows."""
    known = document["components"].setdefault("links", {})
    homes = {shape: path for path, shape in _rows(document) if shape}
    for path, operation in _operations(document):
        for status, answer in operation["responses"].items():
            if not status.startswith("2"):
                continue
            home = _home(document, homes, _shape(answer)) or _collection(document, path, status)
            if home and (links := _links(document, home)):
                known |= {name: link for name, link in links.items() if name not in known}
                answer["links"] = {name: {"$ref": f"#/components/links/{name}"} for name in links}
    return document


def _operations(document: Document) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        yield from ((path, operation) for operation in methods.values())


def _rows(document: Document) -> Iterator[tuple[str, str]]:
    """(path of one, name of its shape), of what can be listed and of what can be got by name."""
    for path, methods in document["paths"].items():
        if not path.endswith("/{id}") or "get" not in methods:
            continue
        yield path, _shape(methods["get"]["responses"]["200"])
        listing = document["paths"].get(path.removesuffix("/{id}"), {}).get("get")
        if listing and (page := _shape(listing["responses"]["200"])):
            rows = document["components"]["schemas"][page].get("properties", {}).get("data", {})
            yield path, _name(rows.get("items", {}))


def _home(document: Document, homes: Mapping[str, str], shape: str) -> str:
    """Where such a row is found; one that says more than the row, as of the shape that it says most of."""
    if shape in homes or not shape:
        return homes.get(shape, "")
    fields = _fields(document, shape)
    within = [each for each in homes if (told := _fields(document, each)) and told.items() <= fields.items()]
    return homes[max(within, key=lambda each: len(_fields(document, each)))] if within else ""


def _fields(document: Document, shape: str) -> Mapping[str, Any]:
    return document["components"]["schemas"][shape].get("properties", {})  # type: ignore[no-any-return]


def _collection(document: Document, path: str, status: str) -> str:
    """Where a new row is found that is answered in a shape of its own, such as a key with its text."""
    home = f"{path}/{{id}}"
    return home if status == "201" and "get" in document["paths"].get(home, {}) else ""


def _shape(answer: Mapping[str, Any]) -> str:
    return _name(answer.get("content", {}).get("application/json", {}).get("schema", {}))


def _name(schema: Mapping[str, Any]) -> str:
    return str(schema.get("$ref", "")).removeprefix(_SCHEMAS)


def _links(document: Document, home: str) -> dict[str, Any]:
    field = _field(document["paths"][home]["get"])
    return {
        operation["operationId"]: {
            "operationId": operation["operationId"],
            "parameters": {"id": f"$response.body#/{field}"},
        }
        for path, operation in _operations(document)
        if path == home or path.startswith(f"{home}/")
    }


def _field(operation: Mapping[str, Any]) -> str:
    (named,) = (each for each in operation["parameters"] if each["in"] == "path")
    return str(named["x-field"])
