"""The examples of RFC 6901, and what is missing."""

from __future__ import annotations

import re

import pytest

from jobs.rules import json_pointers
from jobs.rules.json_pointers import MissingPlace

DOCUMENT = {"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, 'k"l': 6, " ": 7, "m~n": 8}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", DOCUMENT),
        ("/foo", ["bar", "baz"]),
        ("/foo/0", "bar"),
        ("/", 0),
        ("/a~1b", 1),
        ("/c%d", 2),
        ("/e^f", 3),
        ("/g|h", 4),
        ("/i\\j", 5),
        ('/k"l', 6),
        ("/ ", 7),
        ("/m~0n", 8),
    ],
)
def test_pointer_leads_to_its_place(pointer: str, value: object) -> None:
    assert json_pointers.value(DOCUMENT, pointer) == value
    assert re.match(json_pointers.SHAPE, pointer)


def test_tilde_and_one_are_read_in_that_order() -> None:
    assert json_pointers.value({"~1": "tilde one"}, "/~01") == "tilde one"


@pytest.mark.parametrize(
    ("pointer", "why"),
    [
        ("/nothing", "the document has no 'nothing'"),
        ("/foo/2", "/foo is a list of 2 and has no '2'"),
        ("/foo/-", "has no '-'"),
        ("/foo/00", "has no '00'"),
        ("/foo/-1", "has no '-1'"),
        ("/foo/0/x", "/foo/0 is neither"),
        ("/foo/99999999999999999999", "has no"),
    ],
)
def test_missing_place_says_how_far_the_way_leads(pointer: str, why: str) -> None:
    with pytest.raises(MissingPlace, match=re.escape(why)):
        json_pointers.value(DOCUMENT, pointer)


@pytest.mark.parametrize("text", ["foo", "/a~2", "/~", "#/foo"])
def test_what_is_no_pointer_does_not_have_its_shape(text: str) -> None:
    assert not re.match(json_pointers.SHAPE, text)
