"""A job template's body: a job as the API takes it, with ``<<name>>`` wherever a parameter is to stand.

The job's own expressions ``{{ … }}`` stay as they are, for when it runs. A text that is one placeholder and nothing else
becomes the parameter's value, of its type; in any other the value stands as text. A value is never looked at for
placeholders or expressions again: inside an expression only names and numbers may be put, such as which secret
(``{{ secrets.<<token_secret>> }}``), and what would begin one together with the text beside it is refused. What a
parameter without a value stands for is left out; inside a text it is nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from jobs.rules import templates
from jobs.rules.payload_expressions import Place, path
from jobs.rules.template_parameters import InvalidParameters
from jobs.rules.templates import BEGIN, InvalidTemplate

MOST_PLACEHOLDERS = 200
MAX_DEPTH = 50
PLACEHOLDER = re.compile(r"<<([^<>\s]{1,64})>>")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_LEFT_OUT = object()


def check(body: Mapping[str, Any], names: Mapping[str, Any]) -> None:
    """Refuse placeholders that no parameter fills, and where none can. Raises :class:`InvalidParameters`, by place."""
    problems: dict[str, str] = {}
    count = 0
    known = ", ".join(names) or "none"
    for place, text, is_key in _texts(body):
        found = PLACEHOLDER.findall(text)
        count += len(found)
        if len(place) > MAX_DEPTH:
            raise InvalidParameters({path(place[:1], "body"): f"is nested more than {MAX_DEPTH} levels deep"})
        if found and is_key:
            problems[path(place, "body")] = "the name of a field cannot be a parameter"
        elif unknown := [name for name in found if name not in names]:
            problems[path(place, "body")] = f"there is no parameter named {unknown[0]!r}; there are {known}"
        elif found and (wrong := _unreadable(text)):
            problems[path(place, "body")] = wrong
    if count > MOST_PLACEHOLDERS:
        problems["body"] = f"has {count} placeholders, and may have {MOST_PLACEHOLDERS}"
    if problems:
        raise InvalidParameters(problems)


def fill(body: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The job that it makes with these values of all parameters. Raises :class:`InvalidParameters`."""
    problems: dict[str, str] = {}
    made: dict[str, Any] = _filled(body, (), values, problems)
    if problems:
        raise InvalidParameters(problems)
    return made


def _unreadable(text: str) -> str:
    try:
        list(templates.spans(text))
    except InvalidTemplate as error:
        return str(error)
    return ""


def _texts(value: Any) -> Iterator[tuple[Place, str, bool]]:
    """Every text with its place, and whether it is a key."""
    waiting: list[tuple[Place, Any]] = [((), value)]
    while waiting:
        place, each = waiting.pop()
        if isinstance(each, str):
            yield place, each, False
        elif isinstance(each, Mapping):
            yield from (((*place, key), key, True) for key in each)
            waiting += [((*place, key), inner) for key, inner in reversed(list(each.items()))]
        elif isinstance(each, list):
            waiting += [((*place, index), inner) for index, inner in reversed(list(enumerate(each)))]


def _filled(value: Any, place: Place, values: Mapping[str, Any], problems: dict[str, str]) -> Any:
    if isinstance(value, str):
        return _text(value, place, values, problems)
    if isinstance(value, Mapping):
        parts = {key: _filled(inner, (*place, key), values, problems) for key, inner in value.items()}
        return {key: part for key, part in parts.items() if part is not _LEFT_OUT}
    if isinstance(value, list):
        items = [_filled(inner, (*place, index), values, problems) for index, inner in enumerate(value)]
        return [item for item in items if item is not _LEFT_OUT]
    return value


def _text(text: str, place: Place, values: Mapping[str, Any], problems: dict[str, str]) -> Any:
    if whole := PLACEHOLDER.fullmatch(text):
        value = values[whole[1]]
        return _LEFT_OUT if value is None else value
    expressions = list(templates.spans(text)) if PLACEHOLDER.search(text) else []

    def put(found: re.Match[str]) -> str:
        value = values[found[1]]
        if any(begin < found.start() < end for begin, end in expressions) and not _may_stand_inside(value):
            where = f"stands in an expression, at {path(place, 'body')}: must be a name of letters, digits and _"
            problems[f"parameters.{found[1]}"] = where
        return "" if value is None else value if isinstance(value, str) else json.dumps(value)

    made = PLACEHOLDER.sub(put, text)
    if expressions != [] or BEGIN in made:
        _refuse_new_ones(text, made, place, problems)
    return made


def _refuse_new_ones(text: str, made: str, place: Place, problems: dict[str, str]) -> None:
    if made.count(BEGIN) != text.count(BEGIN):
        problems[path(place, "body")] = (
            f"a parameter's value would begin an expression there, with a {BEGIN[0]} beside it"
        )


def _may_stand_inside(value: Any) -> bool:
    return isinstance(value, int | float) or (isinstance(value, str) and bool(_WORD.fullmatch(value)))
