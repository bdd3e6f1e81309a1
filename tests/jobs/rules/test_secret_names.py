"""Which secrets a payload names, in expressions and in fields of connections."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from jobs import connections
from jobs.rules import secret_names


class Inner(BaseModel):
    cache: connections.named("redis") | None = None  # type: ignore[valid-type]
    word: str = ""


class Params(BaseModel):
    source: connections.named("postgresql", "mysql")  # type: ignore[valid-type]
    others: list[connections.named()] = []  # type: ignore[valid-type]
    inner: Inner | None = None
    by_name: dict[str, Inner] = {}
    text: str = ""


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{{ secrets.a }}", {"a"}),
        ("{{secrets.a}}{{secrets.b}}", {"a", "b"}),
        ("{{ secrets['a'] }} {{ secrets[\"b\"] }}", {"a", "b"}),
        ("{{ secrets.a ~ (secrets.b if payload.x else 'c') }}", {"a", "b"}),
        ("{{ secrets\n .a }}", {"a"}),
        ("{{ secrets.a | upper }}", set()),
        ("{{ secrets.warehouse.password }}", {"warehouse"}),
        ("{{ 'secrets.a' }}", set()),
        ("{{ payload.secrets.a }}", set()),
        ("{{ my_secrets.a }}", set()),
        ("secrets.a", set()),
        ("{{ secrets }}", set()),
        ("{{ secrets. }} {{ secrets.b }}", set()),
        ("{{ secrets.a", set()),
        ("}} {{ secrets.a }}", {"a"}),
        ("{{ " + "(" * 50_000 + "secrets.a", set()),
    ],
)
def test_expressions_name_what_they_read(text, names):
    assert secret_names.of(None, {"x": [{"y": text}], "z": 1}) == names
    assert secret_names.of(None, {text: None}) == set(), "keys are data"


def test_fields_of_connections_are_found_however_deep():
    payload = {
        "source": "a", "others": ["b", "c"], "inner": {"cache": "d", "word": "no"}, "by_name": {"x": {"cache": "e"}, "y": {}}, "text": "no",
    }  # fmt: skip
    assert secret_names.of(Params, payload) == {"a", "b", "c", "d", "e"}


@pytest.mark.parametrize(
    "payload", [{}, {"source": 7}, {"source": None, "inner": "x", "by_name": [1]}, {"others": "x"}]
)
def test_what_is_not_valid_does_not_break_it(payload):
    assert secret_names.of(Params, payload) <= {"x"}


def test_the_schema_says_which_kinds_a_field_takes():
    told = Params.model_json_schema()["properties"]
    assert told["source"]["secret"] == ["postgresql", "mysql"]
    assert told["others"]["items"]["secret"] == []
