"""Expressions in a payload: where they are found, what becomes of them, and what stays data."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.rules import payload_expressions as expressions
from jobs.rules.payload_expressions import MAX_EXPRESSIONS, InvalidPayload

SCOPE = {
    "secrets": {"token": "s3cr3t-token"}, "upstream": {}, "execution": {"id": "7"}, "job": {"name": "j"}, "tenant": {"slug": "t"},
    "now": "2026-01-01T00:00:00Z",
}  # fmt: skip


def rendered(payload, overrides=None):
    merged = {**payload, **(overrides or {})}
    return expressions.render(merged, expressions.find(merged, overrides or ()), SCOPE)


def problems(payload, **options):
    with pytest.raises(InvalidPayload) as caught:
        expressions.find(payload, **options)
    return caught.value.problems


def test_they_are_found_at_any_depth_and_the_payload_stays_as_it_is():
    payload = {"a": {"b": ["{{ execution.id }}", {"c": "x-{{ job.name }}"}]}, "n": 5}
    before = copy.deepcopy(payload)
    assert rendered(payload) == {"a": {"b": ["7", {"c": "x-j"}]}, "n": 5}
    assert payload == before


def test_a_text_that_is_one_expression_keeps_its_type_and_any_other_is_text():
    payload = {
        "n": 5,
        "list": [1],
        "whole": "{{ payload.n }}",
        "text": " {{ payload.n }}",
        "of list": "{{ payload.list }}",
    }
    assert rendered(payload) == {"n": 5, "list": [1], "whole": 5, "text": " 5", "of list": [1]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ '{{' }}", "{{"),
        ("docker ps --format '{{ '{{' }}.Names}}'", "docker ps --format '{{.Names}}'"),
        ("{{ '}}' }}", "}}"),
        ('{{ "a}}b\'" }}', "a}}b'"),
        ("{{ 'it\\'s' }}!", "it's!"),
        ("{{1}}{{2}}", "12"),
        ("${#array[@]} {{ 1 }} {%s}", "${#array[@]} 1 {%s}"),
        ("a }} b", "a }} b"),
        ("{ { 1 } }", "{ { 1 } }"),
        ("{% if x %}", "{% if x %}"),
    ],
)
def test_literals(text, expected):
    assert rendered({"a": text}) == {"a": expected}


def test_values_are_not_looked_at_again():
    assert rendered({"a": "{{ payload.b[0] }}"}, {"b": ["{{ secrets.token }}"]})["a"] == "{{ secrets.token }}"
    assert rendered({"a": "x{{ '{{ secrets.token }}' }}"}) == {"a": "x{{ secrets.token }}"}


def test_overrides_are_data():
    payload = {"url": "https://example.com/{{ payload.body.id }}", "body": {"id": "{{ execution.id }}"}}
    overrides = {"body": {"id": "{{ secrets.token }}", "broken": "{{"}}
    found = expressions.find({**payload, **overrides}, overrides)
    assert found.secrets == {}
    assert rendered(payload, overrides) == {"url": "https://example.com/{{ secrets.token }}", **overrides}


def test_keys_are_data():
    assert rendered({"{{ execution.id }}": "{{ execution.id }}"}) == {"{{ execution.id }}": "7"}


def test_the_secrets_are_known_with_their_first_place():
    found = expressions.find({"h": {"A": "Bearer {{ secrets.a }}"}, "x": ["{{ secrets.b ~ secrets.a }}"]})
    assert found.secrets == {"a": ("h", "A"), "b": ("x", 0)}


def test_every_mistake_is_told_with_field_line_and_column():
    payload = {"headers": {"A": "x\n  {{ foo }}"}, "list": [1, "{{ 1 + 1 }}"], "good": "{{ 1 }}"}
    assert problems(payload) == [
        (("headers", "A"), "line 2, column 3: there is no 'foo'; there are payload, secrets, upstream, execution, job, tenant, now, event"),
        (("list", 1), "line 1, column 6: + cannot stand in an expression"),
    ]  # fmt: skip


def test_what_cannot_be_computed_is_told_with_its_place():
    with pytest.raises(InvalidPayload, match=r"^payload\.a\[0\]: line 1, column 3: there is no 'x', only b") as caught:
        rendered({"a": ["x {{ payload.b.x }}"], "b": {"b": 1}})
    assert caught.value.problems[0][0] == ("a", 0)


def test_an_expression_that_reads_another_is_refused():
    assert problems({"a": "{{ payload.b.c }}", "b": {"c": "{{ 1 }}"}}) == [
        (("a",), "payload.b.c holds an expression itself: write here what stands there")
    ]


def test_an_expression_may_read_beside_another():
    assert rendered({"a": "{{ payload.b.d }}", "b": {"c": "{{ 1 }}", "d": 5}})["a"] == 5


def test_a_secret_in_a_field_that_must_not_hold_one_is_refused():
    ((place, message),) = problems({"script": "echo {{ secrets.a }}", "env": {"A": "{{ secrets.a }}"}}, without_secrets={"script": "use env"})  # fmt: skip
    assert (place, message) == (("script",), "no secret may stand here: use env")


def test_an_expression_in_a_text_that_is_parsed_later_is_refused():
    payload = {"statements": ["SELECT 1", "SELECT {{ execution.attempt }}"], "params": {"a": "{{ execution.attempt }}"}}
    ((place, message),) = problems(payload, without_expressions={"statements": "name a parameter"})
    assert (place, message) == (("statements", 1), "no expression may stand here: name a parameter")


def test_their_number_is_bounded():
    assert expressions.find({"a": "{{ 1 }}" * MAX_EXPRESSIONS}).templates
    assert problems({"a": "{{ 1 }}" * (MAX_EXPRESSIONS + 1)}) == [((), "a payload has at most 100 expressions")]


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.sampled_from(["{{ execution.id }}", "{{", "{{ x"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=8,
)  # fmt: skip


def told(payload, problems):
    assert "{{" in repr(payload)
    assert problems


@given(st.dictionaries(st.text(max_size=5), json_values, max_size=4))
def test_any_payload_is_rendered_or_refused_and_data_stays(payload):
    try:
        made = rendered(payload)
    except InvalidPayload as error:
        told(payload, error.problems)
        return
    assert made.keys() == payload.keys()
    assert rendered({}, payload) == payload
