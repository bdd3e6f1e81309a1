"""Escapes and bombs: each is refused with its place, and quickly."""

from __future__ import annotations

import functools
import sys
import time

import pytest

from jobs.rules import payload_expressions
from jobs.rules.payload_expressions import InvalidPayload

SECONDS = 0.05
SCOPE = {
    "secrets": {},
    "upstream": {},
    "execution": {"id": "1"},
    "job": {},
    "tenant": {},
    "now": "2026-01-01T00:00:00Z",
}

DEEP = functools.reduce(lambda inside, _: [inside], range(90), "x")

ESCAPES = {
    "class of a text": "{{ ''.__class__ }}",
    "dunder chain": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "by index": "{{ payload['__class__'] }}",
    "by index of a text": "{{ ''['__class__'] }}",
    "escaped underscores": r"{{ payload['\x5f\x5fclass\x5f\x5f'] }}",
    "attr filter": "{{ payload | attr('__class__') }}",
    "map filter": "{{ payload.rows | map(attribute='__class__') | list }}",
    "format method": "{{ '{0.__class__}'.format(1) }}",
    "format filter": "{{ '%s' | format(payload) }}",
    "percent": "{{ '%s' % payload }}",
    "global function": "{{ range(10) }}",
    "lipsum": "{{ lipsum.__globals__ }}",
    "cycler": "{{ cycler.__init__.__globals__.os }}",
    "self": "{{ self }}",
    "config": "{{ config }}",
    "function of python": "{{ payload.rows.append(1) }}",
    "method without a call": "{{ payload.rows.append }}",
    "method of a text": "{{ payload.text.upper }}",
    "attribute of nothing": "{{ payload.nothing.__class__ }}",
    "call of nothing": "{{ payload.nothing() }}",
    "call of a bracket": "{{ (payload)(1) }}",
    "call of an item": "{{ payload.rows[0](1) }}",
    "object": "{{ {'a': 1} }}",
    "keyword": "{{ payload | default(value=1) }}",
    "star": "{{ payload | default(*payload) }}",
    "test": "{{ payload is mapping }}",
    "slice": "{{ payload.text[::-1] }}",
    "assignment": "{{ x = 1 }}",
    "comprehension": "{{ [x for x in payload] }}",
    "lambda": "{{ lambda: 1 }}",
    "two": "{{ 1 2 }}",
    "tuple": "{{ 1, 2 }}",
    "if without else": "{{ 1 if 0 }}",
    "every secret": "{{ secrets }}",
    "unknown name": "{{ settings }}",
    "full-width letters": "{{ \uff50\uff41\uff59\uff4c\uff4f\uff41\uff44 }}",
    "full-width underscores": "{{ payload.\uff3f\uff3fclass\uff3f\uff3f }}",
    "look-alike": "{{ p\u0430yload }}",
    "invisible": "{{ pay\u200bload }}",
    "right to left": "{{ \u202epayload }}",
    "half of a pair": r"{{ '\ud800' }}",
    "nul": r"{{ '\x00' }}",
    "statement inside": "{{ {% if 1 %} }}",
    "comment inside": "{{ {# x #} }}",
    "statement beside": "{% for x in payload %}{{ 1 }}{% endfor %}",
    "statement after": "{{ 1 }}{%- set x = 1 %}",
    "comment beside": "{{ 1 }} {# comment #}",
    "line statement": "{{ 1\n# for x in y\n }}",
    "nested": "{{ {{ 1 }} }}",
    "more braces": "{{{ 1 }}}",
    "not closed": "{{ payload",
    "quote not closed": "{{ 'payload }}",
    "closed inside a quote": "{{ ' }}",
    "empty": "{{ }}",
    "itself": "{{ payload.field }}",
    "all that holds itself": "{{ payload }}",
    "all that holds itself, filtered": "{{ payload | json }}",
    "itself, computed": "{{ payload[payload.name] }}",
    "itself, by default": "{{ payload[payload.name] | default('x') }}",
}
BOMBS = {
    "product": "{{ 'a'*10**9 }}",
    "power": "{{ 9**9**9 }}",
    "long number": "{{ " + "9" * 900 + " }}",
    "very long number": "{{ " + "9" * 100_000 + " }}",
    "deep brackets": "{{ " + "(" * 480 + "1" + ")" * 480 + " }}",
    "very deep brackets": "{{ " + "(" * 50_000 + "1" + ")" * 50_000 + " }}",
    "deep lists": "{{ " + "[" * 480 + "]" * 480 + " }}",
    "many nots": "{{ " + "not " * 240 + "1 }}",
    "many minuses": "{{ " + "-" * 900 + "1 }}",
    "many comparisons": "{{ 1" + "<1" * 450 + " }}",
    "many joins": "{{ ''" + "~''" * 300 + " }}",
    "many filters": "{{ 'a'" + "|upper" * 150 + " }}",
    "many filters, few words": "{{ 'a'" + "|upper" * 60 + " }}",
    "many attributes": "{{ payload" + ".a" * 480 + " }}",
    "many ifs": "{{ " + "1 if 1 else " * 80 + "1 }}",
    "join bomb": "{{ payload.many | join('" + "x" * 900 + "') }}",
    "replace bomb": "{{ payload.long | replace('a', '" + "x" * 900 + "') }}",
    "replace chain": "{{ payload.long" + "|replace('a','aaaaaaaaaaaa')" * 12 + " }}",
    "join of joins": "{{ payload.long ~ payload.long ~ payload.long ~ payload.long }}",
    "center": "{{ 'a' | center(1000000000) }}",
    "indent": "{{ payload.long | indent(100000) }}",
    "pprint": "{{ payload | pprint }}",
    "padded date": "{{ now | date('%99999999d') }}",
    "deep value": "{{ payload.deep | json }}",
    "deep comparison": "{{ 'a' ~ (payload.deep == payload.deeper) ~ payload.deep }}",
    "a megabyte of braces": "{{" * 500_000,
    "a megabyte in one": "{{ '" + "a" * 1_000_000 + "' }}",
    "a megabyte behind one": "{{ 1 }}" + "a" * 1_000_000,
    "a megabyte of statements": "{{ 1 }}" + "{# " * 40_000 + "#}",
    "a megabyte of spaces": "{{" + " " * 1_000_000 + "1 }}",
    "quotes": "{{ " + "'a' \"b\" " * 100_000,
    "backslashes": "{{ '" + "\\" * 900 + " }}",
    "many": "{{ 1 }}" * 10_000,
}


def refusal(text):
    payload = {
        "field": text, "name": "field", "text": "abc", "rows": [1, 2], "many": ["a"] * 10_000, "long": "a" * 100_000,
        "deep": DEEP, "deeper": [DEEP],
    }  # fmt: skip
    try:
        payload_expressions.render(payload, payload_expressions.find(payload), SCOPE)
    except InvalidPayload as error:
        return error
    return None


@pytest.mark.parametrize("name", [*ESCAPES, *BOMBS])
def test_it_is_refused_with_its_place_within_fifty_milliseconds(name, record_property):
    text = {**ESCAPES, **BOMBS}[name]
    took = []
    for _ in range(5):
        began = time.process_time()
        error = refusal(text)
        took.append(time.process_time() - began)
        assert error is not None, "it was taken"
    record_property("seconds", min(took))
    assert min(took) < SECONDS
    ((place, message), *_) = error.problems
    assert place in {("field",), ()}
    if place and "holds an expression itself: write" not in message:
        assert message.startswith("line "), message
    assert len(str(error)) < 500


def test_a_payload_that_is_nested_for_ever_is_refused():
    bottomless = functools.reduce(lambda inside, _: [inside], range(100_000), "x")
    with pytest.raises(InvalidPayload, match=r"^payload\.b: is nested too deeply"):
        payload_expressions.find({"a": "{{ 1 }}", "b": bottomless})


def test_it_is_refused_as_well_when_little_of_the_stack_is_left():
    def further(levels):
        return further(levels - 1) if levels else refusal("{{ " + "(" * 9 + "1" + ")" * 9 + " | nothing }}")

    assert further(sys.getrecursionlimit() - 150) is not None
