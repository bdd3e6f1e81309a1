"""Placeholders in a template's body: values keep their types, and are never read as anything but values."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.rules import template_bodies
from jobs.rules.template_parameters import InvalidParameters


def unstorable(body: dict[str, Any], *names: str) -> dict[str, str]:
    with pytest.raises(InvalidParameters) as caught:
        template_bodies.check(body, dict.fromkeys(names))
    return caught.value.problems


def refused(body: dict[str, Any], **values: Any) -> dict[str, str]:
    template_bodies.check(body, values)
    with pytest.raises(InvalidParameters) as caught:
        template_bodies.fill(body, values)
    return caught.value.problems


def test_a_whole_placeholder_keeps_its_type_and_one_in_a_text_becomes_text() -> None:
    body = {"priority": "<<p>>", "payload": {"on": "<<yes>>", "list": ["<<p>>", "at <<p>>:<<p>>, <<yes>>, <<f>>"]}}
    made = template_bodies.fill(body, {"p": 7, "yes": True, "f": 0.5})
    assert made == {"priority": 7, "payload": {"on": True, "list": [7, "at 7:7, true, 0.5"]}}


def test_what_has_no_value_is_left_out() -> None:
    body = {"queue": "<<q>>", "tags": ["a", "<<q>>"], "name": "a<<q>>b"}
    assert template_bodies.fill(body, {"q": None}) == {"tags": ["a"], "name": "ab"}


def test_a_value_is_never_filled_again() -> None:
    assert template_bodies.fill({"name": "<<a>> <<b>>"}, {"a": "<<b>>", "b": "x"}) == {"name": "<<b>> x"}


def test_the_job_s_own_expressions_and_a_shell_s_own_signs_stay() -> None:
    body = {"payload": {"script": "cat <<EOF\n$((1<<2))\nEOF\ncat <<-'E' >>log", "stdin": "{{ payload.x ~ '}}' }}"}}
    template_bodies.check(body, {})
    assert template_bodies.fill(body, {}) == body


def test_a_name_may_stand_in_an_expression_and_nothing_else_may() -> None:
    body = {"payload": {"headers": {"Authorization": "Bearer {{ secrets.<<s>> }}"}}}
    made = template_bodies.fill(body, {"s": "api_token"})
    assert made["payload"]["headers"]["Authorization"] == "Bearer {{ secrets.api_token }}"
    for value in ("a }} {", "a ~ secrets.other", "a-b", "", None):
        assert "body.payload.headers.Authorization" in refused(body, s=value)["parameters.s"]
    quoted = {"payload": {"a": "{{ '}}' ~ secrets.<<s>> }}"}}
    assert list(refused(quoted, s="x ~ secrets.y")) == ["parameters.s"]


@pytest.mark.parametrize("text", ["{<<a>>", "<<a>>{ b }}", "{<<b>>{ now }}", "{{ now }}{<<a>>"])
def test_a_value_cannot_begin_an_expression_with_what_is_beside_it(text: str) -> None:
    assert list(refused({"payload": {"x": text}}, a="{ now }}" if text[0] == "{" else "{", b="")) == ["body.payload.x"]


def test_what_cannot_be_filled_is_refused_when_it_is_stored() -> None:
    body = {"payload": {"url": "https://<<host>>/<<Path>>", "<<host>>": 1, "a": ["{{ <<host>>"]}}
    told = unstorable(body, "host")
    assert told["body.payload.url"] == "there is no parameter named 'Path'; there are host"
    assert told["body.payload.<<host>>"] == "the name of a field cannot be a parameter"
    assert "not closed" in told["body.payload.a[0]"]
    assert unstorable({"tags": ["<<a>>"] * 201}, "a") == {"body": "has 201 placeholders, and may have 200"}
    deep: Any = "x"
    for _ in range(60):
        deep = {"a": deep}
    assert list(unstorable(deep)) == ["body.a"]
