"""Paths as tenants write them."""

from __future__ import annotations

import pytest

from tasks.files import names
from tasks.files.names import BadName


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("", ()),
        (".", ()),
        ("a", ("a",)),
        ("a/b.csv", ("a", "b.csv")),
        ("a/", ("a",)),
        ("…/ü", ("…", "ü")),
        ("a..b/...", ("a..b", "...")),
    ],
)
def test_names_one_after_another(path, parts):
    assert names.parts(path) == parts


@pytest.mark.parametrize(
    "path",
    [
        "..", "../a", "a/../../b", "a/..", "/etc/passwd", "//a", "a//b", "./a", "a/.", "a\0b", "a/\0", "\ud800", "x" * 256, "a/" * 65 + "a",
        "ü" * 128, ("x" * 250 + "/") * 17, ".carillon-partial", ".carillon-partial/x", "a/.carillon-x",
    ],
)  # fmt: skip
def test_what_could_lead_elsewhere_is_no_path(path):
    with pytest.raises(BadName):
        names.parts(path)
