"""Patterns of files: what they match, and that no pattern takes long."""

from __future__ import annotations

import pytest

from tasks.scripts.patterns import Pattern


@pytest.mark.parametrize(
    ("pattern", "matched", "others"),
    [
        ("*.csv", ["a.csv", ".csv"], ["a/b.csv", "a.csvx", "acsv"]),
        ("out/**/*.csv", ["out/a.csv", "out/b/c/d.csv"], ["outa.csv", "out/b/c.txt", "x/out/a.csv"]),
        ("**/x", ["x", "a/x", "a/b/x"], ["ax", "a/bx"]),
        ("a**", ["a", "a/b/c"], ["b"]),
        ("a?c", ["abc", "a\nc"], ["a/c", "ac"]),
        ("a*b*", ["ab", "axbx"], ["a/b"]),
        ("[a]", ["[a]"], ["a"]),
    ],
)
def test_what_is_matched(pattern: str, matched: list[str], others: list[str]) -> None:
    assert [path for path in [*matched, *others] if Pattern(pattern).matches(path)] == matched


@pytest.mark.parametrize("pattern", ["*a" * 100 + "b", "**/" * 100 + "b", "**a" * 60 + "b"])
def test_many_stars_take_no_longer(pattern: str) -> None:
    assert not Pattern(pattern).matches("a" * 150 + "/a" * 100 + "/c")
