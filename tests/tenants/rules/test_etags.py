"""Tags and the conditions that name them, as RFC 9110 has them."""

from __future__ import annotations

import pytest

from tenants.rules import etags
from tenants.rules.etags import MalformedTags, Precondition

READABLE = {
    "*": etags.Tags(everything=True),
    " * ": etags.Tags(everything=True),
    '"a"': etags.Tags(((False, '"a"'),)),
    'W/"a"': etags.Tags(((True, '"a"'),)),
    '"a", W/"b" ,"c"': etags.Tags(((False, '"a"'), (True, '"b"'), (False, '"c"'))),
    '"a",,"b",': etags.Tags(((False, '"a"'), (False, '"b"'))),
    '"a,b"': etags.Tags(((False, '"a,b"'),)),
    '""': etags.Tags(((False, '""'),)),
}


@pytest.mark.parametrize("text", READABLE)
def test_what_a_header_lists_is_read(text):
    assert etags.parse(text) == READABLE[text]


def test_no_header_asks_for_nothing():
    assert etags.parse(None) is None
    assert not etags.ANYWAY
    assert etags.ANYWAY.holds(None)


@pytest.mark.parametrize(
    "text", ["", " ", "a", '"a', 'a"', '"a" "b"', '"a""b"', '*, "a"', 'w/"a"', "'a'", '"a b"', ',"a"', '"\x7f"', "W/*"]
)
def test_what_is_no_list_of_tags_is_refused(text):
    with pytest.raises(MalformedTags):
        etags.parse(text)


def holds(tag, *, match=None, none_match=None):
    return Precondition(etags.parse(match), etags.parse(none_match)).holds(tag)


def test_if_match_is_compared_strongly_and_wants_the_thing_to_be_there():
    assert holds('"a"', match='"a"')
    assert holds('"a"', match='"b", "a"')
    assert holds('"a"', match="*")
    assert not holds('"a"', match='"b"')
    assert not holds('"a"', match='W/"a"')
    assert not holds(None, match="*")
    assert not holds(None, match='"a"')


def test_if_none_match_is_compared_weakly_and_star_means_that_nothing_is_there():
    assert holds(None, none_match="*")
    assert not holds('"a"', none_match="*")
    assert not holds('"a"', none_match='W/"a"')
    assert holds('"a"', none_match='"b"')
    assert not holds('"a"', match='"a"', none_match="*")


def test_a_tag_is_the_same_however_a_value_is_written_and_another_for_any_other_value():
    assert etags.tag("k", {"a": 300, "b": 1e20}) == etags.tag("k", {"b": 10**20, "a": 300.0})
    values = [{"a": 1}, {"a": True}, {"a": "1"}, {"a": None}, {}, {"a": [1]}, ["a", 1]]
    assert len({etags.tag("k", value) for value in values}) == len(values)
    assert etags.tag("k", {"a": 1}) != etags.tag("another", {"a": 1})
    assert etags.parse(etags.tag("k", 1)).match(etags.tag("k", 1))
