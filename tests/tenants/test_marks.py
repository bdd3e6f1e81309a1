"""How the console writes things down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tenants import marks


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0 ms"),
        (0.0042, "4 ms"),
        (0.9996, "1 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min"),
        (61.2, "1 min 1 s"),
        (timedelta(minutes=90), "1 h 30 min"),
        (timedelta(hours=2), "2 h"),
        (timedelta(days=3, hours=4, minutes=5), "3 d 4 h"),
    ],
)
def test_a_length_has_at_most_two_units(value: Any, text: str) -> None:
    assert marks.length(value) == text


def test_an_instant_says_its_zone_wherever_it_comes_from() -> None:
    elsewhere = datetime(2026, 11, 21, 13, 2, 3, 456_789, tzinfo=timezone(timedelta(hours=3)))
    assert marks.instant_text(elsewhere) == "2026-11-21 10:02:03 UTC"
    assert marks.instant_text(elsewhere, millis=True) == "2026-11-21 10:02:03.456 UTC"
    assert f'datetime="{elsewhere.isoformat()}"' in marks.instant(elsewhere)


def test_no_instant_is_a_dash() -> None:
    assert marks.instant(None) == "–"


@pytest.mark.parametrize(
    "write",
    [marks.state, marks.code, marks.text_block, lambda text: marks.json_block({text: text}), lambda text: marks.link(text, text),
     lambda text: marks.shortened(text * 30), lambda text: marks.joined([text])],
)  # fmt: skip
def test_what_others_wrote_is_never_markup(write: Any) -> None:
    written = write("<script>\"'")
    assert "<script>" not in written
    assert '"\'"' not in written


def test_a_state_is_a_word_an_icon_and_a_colour() -> None:
    mark = marks.state("failed")
    assert "failed</span>" in mark
    assert 'aria-hidden="true">error<' in mark
    assert "mark-bad" in mark


def test_a_long_text_is_shortened_and_kept_as_its_tool_tip() -> None:
    shortened = marks.shortened("word " * 50, 20)
    assert ">word word word word…<" in shortened
    assert 'title="word word' in shortened
    assert marks.shortened("short", 20) == "short"
    assert marks.shortened("", 20) == "–"


def test_json_is_laid_out_and_keeps_letters_as_they_are() -> None:
    assert "\n  &quot;größe&quot;: 1\n" in marks.json_block({"größe": 1})
    assert marks.json_block(None) == "–"
    assert "2026" in marks.json_block({"at": datetime(2026, 1, 1, tzinfo=UTC)})
