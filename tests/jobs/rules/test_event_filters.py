"""Filters of events: what may be written, and what becomes of an event that they cannot be computed of."""

from __future__ import annotations

import pytest

from jobs.rules import event_filters
from jobs.rules.event_filters import InvalidFilter, Verdict

EVENT = {
    "id": "1",
    "name": "order.paid",
    "sender": "key:a",
    "received_at": "2026-01-01T00:00:00+00:00",
    "payload": {
        "total": 120.5,
        "country": "DE",
        "vip": True,
        "items": [{"sku": "a"}],
        "note": None,
        "text": "x" * 1000,
    },
    "headers": {"x_github_event": "push"},
}


@pytest.mark.parametrize(
    ("source", "matches"),
    [
        ("event.payload.total > 100", True),
        ("event.payload.total > 100 and event.payload.country in ['AT', 'CH']", False),
        ("event.payload.vip", True),
        ("not event.payload.vip", False),
        ("event.payload.items[0].sku == 'a'", True),
        ("event.headers.x_github_event == 'push'", True),
        ("event.payload.missing | default(false)", False),
        ("event.name == 'order.paid' if event.payload.vip else false", True),
        ("true", True),
        ("", True),
    ],
)
def test_a_filter_says_yes_or_no(source, matches):
    if source:
        event_filters.check(source)
    assert event_filters.judge(source, EVENT) == Verdict(matches)


@pytest.mark.parametrize(
    ("source", "said", "place"),
    [
        ("payload.total > 1", "payload cannot be read here, only event", 1),
        ("event.payload.a == 1 and now > 'x'", "now cannot be read here", 26),
        ("secrets.key == 'x'", "a secret can only be inserted", 1),
        ("nothing.total > 1", "there is no 'nothing'", 1),
        ("event.body.total > 1", "an event has no 'body'; it has id, name", 1),
        ("'a text'", "does not come to yes or no", 1),
        ("event", "does not come to yes or no", 1),
        ("event.payload.a ~ 'b'", "does not come to yes or no", 1),
        ("event.payload.items | length", "does not come to yes or no", 1),
        ("event.payload.vip and 'yes'", "does not come to yes or no", 1),
        ("event.payload.total >", "cannot be read", 1),
        ("event.payload.total + 1 > 2", "cannot stand in an expression", 21),
        ("len(event.payload) > 1", "nothing can be called", 4),
        ("{{ event.payload.vip }}", "leave out the braces", 1),
        ("event.payload.__class__ == 1", "names that begin with _", 15),
        ("(" * 30 + "true" + ")" * 30, "nested too deeply", 11),
        ("true" + " and true" * 60, "is longer than 500", 501),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_place(source, said, place):
    with pytest.raises(InvalidFilter) as refused:
        event_filters.check(source)
    assert said in str(refused.value)
    assert str(refused.value).endswith(f"(at character {place})")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("event.payload.missing == 1", "there is no 'missing'"),
        ("event.payload.country > 1", "cannot be compared"),
        ("event.payload.total", "came to a number"),
        ("event.payload.note and true", "came to null"),
        ("event.payload.items[7].sku == 'a'", "there is no item 7"),
    ],
)
def test_what_cannot_be_computed_is_no_match_and_is_told(source, said):
    event_filters.check(source)
    verdict = event_filters.judge(source, EVENT)
    assert not verdict.matches
    assert said in verdict.problem


def test_a_filter_that_is_too_much_work_is_no_match():
    dear = "event.payload.text | replace('x', 'xxxxxxxxxx') | replace('x', 'xxxxxxxxxx') | replace('x', 'xxxxxx') == ''"
    verdict = event_filters.judge(dear, EVENT)
    assert not verdict.matches
    assert verdict.problem


def test_a_filter_stored_by_other_rules_lets_nothing_pass():
    assert not event_filters.judge("no.longer.known == 1", EVENT).matches
