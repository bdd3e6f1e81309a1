"""What the parser lets through can be stored, and what it refuses is refused in time that is bounded."""

from __future__ import annotations

from io import BytesIO

import pytest
from rest_framework.exceptions import ParseError, ValidationError

from tenants.api.errors import PayloadTooLarge
from tenants.api.parsers import MAX_DEPTH, StrictJSONParser


def parse(body: bytes | str):
    return StrictJSONParser().parse(BytesIO(body if isinstance(body, bytes) else body.encode()))


def test_values_come_through_as_they_are():
    assert parse('{"a": [1, 2.5, -3e2, true, null, "ü€😀"]}') == {"a": [1, 2.5, -300.0, True, None, "ü€😀"]}


@pytest.mark.parametrize(
    "body",
    ["", "{", "{'a': 1}", '{"a": NaN}', "[Infinity]", "[-Infinity]", "1 2", b"\xff", '{"a": ' + "9" * 5000 + "}",
     "[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2), "[" * 100_000, '{"a":' * 100_000],
)  # fmt: skip
def test_malformed_or_too_deep_is_a_parse_error(body):
    with pytest.raises(ParseError):
        parse(body)


def test_depth_is_allowed_up_to_its_bound():
    parse("[" * MAX_DEPTH + "1" + "]" * MAX_DEPTH)


@pytest.mark.parametrize("body", ['{"a": 1, "a": 1}', '[{"b": {"a": 1, "c": 2, "a": 3}}]', '{"\\u0061": 1, "a": 2}'])
def test_key_that_comes_twice_in_one_object_is_named(body):
    with pytest.raises(ParseError, match="the key 'a' comes twice"):
        parse(body)


def test_keys_that_come_twice_are_found_in_time_that_is_bounded():
    many = ",".join(f'"{number}":0' for number in range(60_000))
    with pytest.raises(ParseError, match="the key '0' comes twice"):
        parse(f'{{{many},"0":1}}')


def test_the_same_key_in_different_objects_is_no_matter():
    assert parse('{"a": {"a": [{"a": 1}, {"a": 2}]}}') == {"a": {"a": [{"a": 1}, {"a": 2}]}}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ('{"a": "x\\u0000"}', "a"),
        ('{"a": [{"b": "\\ud800"}]}', "a[0].b"),
        ('{"a": {"x\\u0000": 1}}', "a"),
        ('{"a": 1e400}', "a"),
        ('{"a": 9223372036854775808}', "a"),
        ('{"a": -9223372036854775809}', "a"),
    ],
)
def test_value_that_cannot_be_kept_is_named_by_its_path(body, path):
    with pytest.raises(ValidationError) as refused:
        parse(body)
    assert list(refused.value.detail) == [path]


def test_body_is_bounded(settings):
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    assert parse('"' + "x" * (limit - 2) + '"')
    with pytest.raises(PayloadTooLarge):
        parse('"' + "x" * (limit - 1) + '"')
