"""A report's page by its author: what may stand in a template, and what is put into it."""

from __future__ import annotations

import re
import time

import pytest

from tasks.reports import templates


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("<p>[[title]]</p>", r"\[\[table\]\] must stand in it once"),
        ("[[table]] [[table]]", "once"),
        ("[[table]] [[chart]]", r"there is no \[\[chart\]\]: there are \[\[title\]\], "),
        ("[[table]] [[]]", r"there is no \[\[\]\]"),
        ("[[rows]] [[table]]", r"must stand after \[\[table\]\]"),
        ("<p class=[[title]]>[[table]]", "within a tag"),
        ('<img alt="a > b"><a href="[[title]]">x</a>[[table]]', "within a tag"),
        ("<!-- [[note]] -->[[table]]", "within a tag"),
        ("<style>p > b { color: [[title]] }</style>[[table]]", "or a style"),
        ("<STYLE>[[table]]</STYLE>", "or a style"),
        ("[[table]]<script>x</script>", "<script may not stand in it"),
        ('[[table]]<META HTTP-EQUIV="refresh" content="0;url=//evil.example">', "HTTP-EQUIV may not"),
        ('<base href="//evil.example">[[table]]', "<base may not"),
        ("<form action=//evil.example>[[table]]</form>", "<form may not"),
        ('<link rel="preconnect" href="//evil.example">[[table]]', "<link may not"),
        ("<iframe src=//evil.example></iframe>[[table]]", "<iframe may not"),
    ],
)  # fmt: skip
def test_what_may_not_stand_there_is_told(template: str, says: str) -> None:
    assert re.search(says, templates.problem(template) or "taken")


@pytest.mark.parametrize(
    "template",
    [
        templates.PAGE,
        "[[table]]",
        "<!doctype html><html><head><title>[[title]]</title><style>a > b { }</style></head>"
        "<body><h1>[[title]]</h1>[[before]][[table]]<p>[[rows]] of [[note]], a[0] [1]</p>[[after]]</body></html>",
    ],
)
def test_a_page_is_taken(template: str) -> None:
    assert templates.problem(template) is None


def test_it_is_judged_in_one_go() -> None:
    began = time.process_time()
    for hostile in ("<" * 65_000, "[[title]]" * 7_000, "<style" * 10_000 + "[[title]]", "[[" * 32_000):
        templates.problem("[[table]]" + hostile)
    assert time.process_time() - began < 1


def test_values_are_put_where_their_marks_are_and_hold_no_marks_themselves() -> None:
    before, after = templates.parts("<h1>[[title]]</h1>[[table]]<p>[[rows]]: [[title]]</p>")
    values = {"title": "[[rows]] [[table]]", "rows": "7"}
    assert templates.filled(before, values) == "<h1>[[rows]] [[table]]</h1>"
    assert templates.filled(after, values) == "<p>7: [[rows]] [[table]]</p>"
