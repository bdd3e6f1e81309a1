"""What can be written in an expression, and what it comes to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.rules import expression_language as language
from jobs.rules.expression_filters import FILTERS
from jobs.rules.expression_values import MAX_VALUE, Budget, CannotCompute, InvalidExpression

SCOPE = {
    "payload": {"env": {"REGION": "eu", "items": 3}, "rows": [1, 2, {"x": "y"}], "none": None, "on": True, "name": " Ann "},
    "secrets": {"token": "s3cr3t-token", "warehouse": {"host": "db", "password": "s3cr3t-password"}},
    "upstream": {},
    "execution": {"id": "0198", "attempt": 1, "scheduled_for": "2026-03-29T00:30:00.000Z"},
    "job": {"name": "nightly"},
    "tenant": {"slug": "acme"},
    "now": "2026-03-29T00:31:00.000Z",
}  # fmt: skip


def value(source):
    return language.parse(source).evaluate(SCOPE, Budget())


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("payload.env.REGION", "eu"),
        ("payload.env.items", 3),
        ("payload['env']['REGION']", "eu"),
        ("payload.rows[0]", 1),
        ("payload.rows[-1].x", "y"),
        ("payload.rows", [1, 2, {"x": "y"}]),
        ("payload.rows[payload.rows[0]]", 2),
        ("payload.on", True),
        ("payload.none", None),
        ("'text'", "text"),
        ('"it\'s"', "it's"),
        ("-1.5", -1.5),
        ("true", True),
        ("none", None),
        ("payload.env.items > 2 and not payload.none", True),
        ("payload.env.REGION in ['eu', 'us']", True),
        ("1 < payload.env.items <= 3", True),
        ("'big' if payload.env.items > 2 else 'small'", "big"),
        ("execution.scheduled_for or now", "2026-03-29T00:30:00.000Z"),
        ("job.name ~ '-' ~ payload.env.items ~ payload.on", "nightly-3true"),
        ("secrets.token", "s3cr3t-token"),
        ("'Bearer ' ~ secrets['token']", "Bearer s3cr3t-token"),
        ("secrets.warehouse.password", "s3cr3t-password"),
        ("secrets.warehouse", {"host": "db", "password": "s3cr3t-password"}),
        ("secrets.token if payload.on else ''", "s3cr3t-token"),
    ],
)
def test_an_expression_has_its_values_type(source, expected):
    found = value(source)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("payload.nothing | default('x')", "x"),
        ("payload.nothing.below[7] | default(5)", 5),
        ("payload.none | default('x')", "x"),
        ("payload.on | default('x')", True),
        ("payload.name | trim | upper", "ANN"),
        ("payload.name | lower", " ann "),
        ("payload.rows | length", 3),
        ("' 12 ' | int", 12),
        ("'1.5' | float", 1.5),
        ("7.9 | int", 7),
        ("payload.env.items | string", "3"),
        ("payload.rows | json", '[1, 2, {"x": "y"}]'),
        ("['a', 'b'] | join(', ')", "a, b"),
        ("'a-b-c' | replace('-', '/')", "a/b/c"),
        ("'a b/ü' | urlencode", "a%20b%2F%C3%BC"),
        ("now | date", "2026-03-29"),
        ("now | date('%d.%m.%Y %H:%M', 'Europe/Berlin')", "29.03.2026 01:31"),
        ("now | shift('1h') | date('%H:%M', 'Europe/Berlin')", "03:31"),
        ("now | shift('-1d')", "2026-03-28T00:31:00.000Z"),
        ("'1970-01-01T00:01:00Z' | date('%s')", "60"),
    ],
)
def test_filters(source, expected):
    assert value(source) == expected


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("payload.nothing", "there is no 'nothing', only env, name"),
        ("payload.rows[7]", "there is no item 7: the list has 3"),
        ("payload.name.length", "'length' cannot be read of a text"),
        ("payload.rows.append", "'append' cannot be read of a list"),
        ("payload.env.REGION > 1", "cannot be compared"),
        ("payload.none ~ 'x'", "add | default"),
        ("payload.rows ~ 'x'", "add | json"),
        ("payload.rows | upper", "upper needs a text, and this is a list"),
        ("'x' | int", "is no number"),
        ("'9e999' | float", "is no number"),
        ("'x' | date", "is no instant"),
        ("now | date('%d', 'Mars/Base')", "takes the name of a time zone"),
        ("now | date('%d', '../../etc/passwd')", "takes the name of a time zone"),
        ("now | date('%1000000d')", "takes a format"),
        ("now | date('%-d')", "takes a format"),
        ("now | shift('99y')", "takes a length"),
        ("now | shift('999999w')", "leaves the calendar"),
        ("payload.name | replace('', 'x')", "needs something to look for"),
        ("upstream.extract", "there is no 'extract', only nothing"),
        ("1e999", "do not fit together"),
    ],
)
def test_what_has_no_value_says_why(source, says):
    with pytest.raises(CannotCompute, match=says.replace("|", r"\|")):
        value(source)


@pytest.mark.parametrize(
    "source",
    [
        "secrets.token | upper", "secrets.token == 'x'", "secrets.token and 1", "not secrets.token", "secrets.token[0]|trim",
        "'x' in secrets.token", "1 if secrets.token else 2", "('x' ~ secrets.token) | length", "payload[secrets.token]",
        "secrets.token or 'x'", "secrets.token | default('x')", "('a' ~ secrets.token) == 'b'",
    ],
)  # fmt: skip
def test_a_secret_can_be_inserted_and_joined_and_nothing_else(source):
    with pytest.raises(InvalidExpression, match="can only be inserted"):
        language.parse(source)


@pytest.mark.parametrize("source", ["secrets", "secrets | json", "secrets[payload.name]", "secrets[0]"])
def test_which_secret_must_be_written_out(source):
    with pytest.raises(InvalidExpression):
        language.parse(source)


def test_what_is_used_is_known_without_evaluating_it():
    found = language.parse("payload.a.b[0] ~ secrets.x ~ secrets['y'].z ~ payload[job.name].q")
    assert found.names == {"payload", "secrets", "job"}
    assert found.secrets == {"x", "y"}
    assert found.payload == {("a", "b", 0)}


def test_values_are_copies():
    assert value("payload.env") is not SCOPE["payload"]["env"]


def test_work_of_many_expressions_is_bounded_together():
    scope, budget = {**SCOPE, "payload": {"text": "%" * 20_000}}, Budget()
    dear = language.parse("payload.text | urlencode | lower | upper")
    with pytest.raises(CannotCompute, match="too much work"):
        [dear.evaluate(scope, budget) for _ in range(100)]


@pytest.mark.parametrize(
    "source",
    [
        "payload.t | replace('a', 'bbbbbbbbbbbbbbbb')",
        "payload.l | join('---------------------')",
        "payload.t ~ payload.t",
    ],
)
def test_values_are_bounded_before_they_are_made(source):
    scope = {"payload": {"t": "a" * 100_000, "l": ["a"] * 50_000}}
    with pytest.raises(CannotCompute, match="longer than"):
        language.parse(source).evaluate(scope, Budget())
    assert MAX_VALUE < 200_000


WORDS = st.sampled_from(
    ["payload", "secrets", "upstream", "now", "execution", ".", "x", "token", "[", "]", "(", ")", "'a'", "0", "-", "~", "|",
     "and", "or", "not", "in", "if", "else", "==", "<", ",", "is", "none", "*", "**", "{", ":", "__class__", *FILTERS]
)  # fmt: skip


@given(
    st.one_of(
        st.text(max_size=60), st.lists(WORDS, max_size=14).map(" ".join), st.lists(WORDS, max_size=14).map("".join)
    )
)
def test_nothing_is_raised_but_its_own_errors_and_nothing_comes_out_but_json(source):
    try:
        found = language.parse(source).evaluate(SCOPE, Budget())
    except (InvalidExpression, CannotCompute):
        return
    assert isinstance(found, str | int | float | bool | list | dict | None)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("upstream.d-ext.result.rows > 0", "d-ext"),
        ("upstream.a-b-c.result", "a-b-c"),
        ("not upstream.d-ext", "d-ext"),
    ],
)
def test_a_name_with_a_dash_is_told_how_to_be_written(source, name):
    with pytest.raises(InvalidExpression, match="arithmetic cannot stand in an expression; ") as refused:
        language.parse(source)
    assert str(refused.value).endswith(f"a name with - in it is written upstream['{name}']")


@pytest.mark.parametrize("source", ["payload.a - payload.b", "now - 5"])
def test_other_arithmetic_is_just_refused(source):
    with pytest.raises(InvalidExpression, match=r"arithmetic cannot stand in an expression$"):
        language.parse(source)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("parameters.day", {"day"}),
        ("parameters['day'].of.month | upper", {"day"}),
        ("'x' ~ parameters.a ~ (parameters.b | lower)", {"a", "b"}),
        ("parameters.a == parameters.b", {"a"}),
        ("parameters.a | default('x')", set()),
        ("parameters.a if parameters.b else 1", set()),
        ("parameters", set()),
        ("parameters[item]", set()),
        ("payload.parameters.a", set()),
    ],
)
def test_what_it_cannot_do_without_is_told(source, names):
    assert language.parse(source, frozenset({"parameters", "item"})).parameters == names
