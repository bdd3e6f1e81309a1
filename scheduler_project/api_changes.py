"""What of a changed description could break a client that was written for the former. Pure, over two documents.

    breaking(promised, described())  ->  ["GET /api/v1/jobs 200: data[].owner is gone", …]

Input may be widened, output may be narrowed, and things may be added to both. Members of an enum and shapes of a
discriminated union may be added to output too: clients are told to expect those.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scheduler_project import schema_changes
from scheduler_project.schema_changes import Documents

Document = Mapping[str, Any]
_METHODS = ("get", "put", "post", "patch", "delete")


def breaking(before: Document, now: Document) -> list[str]:
    """Each difference, in words that name where it is."""
    documents = Documents(before, now)
    found: set[str] = set()
    for path, methods in before["paths"].items():
        for method in _METHODS:
            if method not in methods:
                continue
            route = f"{method.upper()} {path}"
            kept = now["paths"].get(path, {}).get(method)
            problems = [" is gone"] if kept is None else _of_operation(methods[method], kept, documents)
            found |= {f"{route}{problem if problem[0] in ' :' else ': ' + problem}" for problem in problems}
    return sorted(found)


def _of_operation(before: Document, now: Document, documents: Documents) -> Iterator[str]:
    for name, what in (("operationId", "its operationId"), ("x-scope", "the scope it takes")):
        if before.get(name) != now.get(name):
            yield f"{what} was {before.get(name)} and is {now.get(name)}"
    yield from _of_parameters(before, now, documents)
    yield from _of_body(before.get("requestBody"), now.get("requestBody"), documents)
    for status, answer in before["responses"].items():
        kept = now["responses"].get(status)
        problems = ["is gone"] if kept is None else _of_answer(documents.before(answer), documents.now(kept), documents)
        yield from (f" {status}: {problem}" for problem in problems)


def _of_parameters(before: Document, now: Document, documents: Documents) -> Iterator[str]:
    former, present = _parameters(before), _parameters(now)
    for key, parameter in present.items():
        if parameter.get("required") and not former.get(key, {}).get("required"):
            yield f"{key} is required"
    for key, parameter in former.items():
        if key not in present:
            yield f"{key} is gone"
        else:
            taken = _for_one(present[key]) if parameter["schema"].get("type") != "array" else present[key]["schema"]
            yield from schema_changes.of_input(parameter["schema"], taken, documents, key)


def _for_one(parameter: Document) -> Document:
    """What one value must be: in a query, one that may be repeated is sent once as it always was."""
    schema: Document = parameter["schema"]
    repeatable = parameter["in"] == "query" and schema.get("type") == "array" and schema.get("minItems", 0) < 2
    return schema.get("items", {}) if repeatable else schema


def _parameters(operation: Document) -> dict[str, Any]:
    return {f"{each['in']} parameter {each['name']}": each for each in operation.get("parameters", ())}


def _of_body(before: Document | None, now: Document | None, documents: Documents) -> Iterator[str]:
    if now and now.get("required") and not (before or {}).get("required"):
        yield "its body is required"
    if before and not now:
        yield "takes no body any more"
    if before and now:
        yield from _of_contents(before, now, documents, taken=True)


def _of_answer(before: Document, now: Document, documents: Documents) -> Iterator[str]:
    for name, header in before.get("headers", {}).items():
        kept = now.get("headers", {}).get(name)
        if kept is None:
            yield f"header {name} is gone"
        elif documents.before(header).get("required") and not documents.now(kept).get("required"):
            yield f"header {name} may be missing"
    yield from _of_contents(before, now, documents, taken=False)


def _of_contents(before: Document, now: Document, documents: Documents, *, taken: bool) -> Iterator[str]:
    compare = schema_changes.of_input if taken else schema_changes.of_output
    for kind, content in before.get("content", {}).items():
        if kind not in now.get("content", {}):
            yield f"{kind} is {'not taken' if taken else 'not answered'} any more"
        elif "schema" in content:
            kept = now["content"][kind].get("schema", {})
            yield from compare(content["schema"], kept, documents, "body" if taken else "")
