"""A field that nobody knows is told with the one that was meant."""

from __future__ import annotations

import pytest

from tenants.rules import unknown_fields


@pytest.mark.parametrize(
    ("name", "known", "words"),
    [
        ("methd", ["method", "url"], "unknown field; did you mean method?"),
        ("colour", ["url", "method"], "unknown field; known are method, url"),
        ("colour", [], "unknown field"),
        ("colour", [f"n{number}" for number in range(13)], "unknown field"),
    ],
)
def test_the_nearest_or_all_that_there_are(name, known, words):
    assert unknown_fields.told(name, known) == words


def test_all_in_one_sentence():
    fields = [("payload.methd", "unknown field; did you mean method?"), ("x", "unknown field")]
    assert unknown_fields.in_short(fields) == (
        "unknown field payload.methd (did you mean method?), x: remove it, or check its spelling"
    )
