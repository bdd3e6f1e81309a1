"""What is refused, and that the message says what to do."""

from __future__ import annotations

import pytest

from jobs.triggers import cron_syntax
from jobs.triggers.contract import InvalidSchedule


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "five fields"),
        ("  ", "five fields"),
        (None, "five fields"),
        (["0 0 * * *"], "five fields"),
        ("* * * *", "has 4 fields"),
        ("0 0 0 1 1 * 2026", "has 7 fields"),
        ("0 0 * * *" + " " * 192, "at most 200"),
        ("\uff10 0 * * *", "outside ASCII"),
        ("0\u00a00 * * *", "outside ASCII"),
        ("61 * * * *", "minute 61 is out of range; write 0 to 59"),
        ("60 0 0 * * *", "second 60 is out of range"),
        ("0 24 * * *", "hour 24 is out of range"),
        ("0 0 0 * *", "day of month 0 is out of range"),
        ("0 0 * 13 *", "month 13 is out of range; write 1 to 12 or jan to dec"),
        ("0 0 * * 8", "day of week 8 is out of range"),
        ("0-9999 * * * *", "minute 9999 is out of range"),
        ("0-99999999999999999999 * * * *", "is not understood"),
        ("-5 * * * *", "is not understood"),
        ("1,,2 * * * *", "is not understood"),
        ("*-5 * * * *", "is not understood"),
        ("? * * * *", "is not understood"),
        ("0 0 * * jan", "day of week 'jan' is not understood"),
        ("0 0 * * mon#6", "is not understood"),
        ("0 0 32W * *", "is not understood"),
        ("0 0 L-3 * *", "is not understood"),
        ("HH * * * *", "is not understood"),
        ("0 1,25 * * *", "hour 25 is out of range; write 0 to 23 (at character 5)"),
        ("  0  0 0 1,2,32 * ?", "day of month 32 is out of range; write 1 to 31 (at character 14)"),
        ("R(0-5) * * * *", "is not understood"),
        ("*/0 * * * *", "step of 0"),
        ("5-1 * * * *", "write '5-59,0-1' to wrap around, or '1-5'"),
        ("5-5 * * * *", "write '5' for that one value"),
        ("0 0 * jan-jan *", "write '1' for that one value"),
        ("0 0 * dec-jan *", "write '12,1' to wrap around"),
        ("0 0 * * 5-0", "write '5-6,0' to wrap around"),
        ("0 0 * * sat-mon", "write '6,0-1' to wrap around"),
        ("0 0 1 * MON#1", "a schedule for each"),
        ("0 0 1 * L5", "a schedule for each"),
        ("0 0 15W * 5", "a schedule for each"),
        ("0 0 15W,20 * *", "one single day"),
        ("0 0 * * 1,5#2", "mixes plain days"),
        ("0 0 31 2 *", "would never fire"),
        ("0 0 31 4,6,9,11 *", "would never fire"),
        ("@reboot", "@hourly, @daily"),
        ("@daily *", "not a known shorthand"),
    ],
)
def test_a_bad_expression_is_refused_with_what_to_do(expression: object, message: str) -> None:
    with pytest.raises(InvalidSchedule) as refusal:
        cron_syntax.parse(expression)
    assert refusal.value.field == "expression"
    assert message in refusal.value.message


@pytest.mark.parametrize(
    ("expression", "suggestion"),
    [("55-5 * * * *", "55-59,0-5 * * * *"), ("0 0 * nov-jan *", "0 0 * 11-12,1 *"), ("0 0 * * 5-1", "0 0 * * 5-6,0-1")],
)
def test_the_suggested_repair_of_a_range_is_itself_accepted(expression: str, suggestion: str) -> None:
    with pytest.raises(InvalidSchedule, match=next(part for part in suggestion.split() if "," in part)):
        cron_syntax.parse(expression)
    assert not cron_syntax.parse(suggestion).walls.empty


@pytest.mark.parametrize(
    ("expression", "wildcard"),
    [
        ("*/5 2 * * *", True),
        ("0 * * * *", True),
        ("0 */2 * * *", True),
        ("@hourly", True),
        ("30 2 * * *", False),
        ("* 30 2 * * *", False),
        ("0-59 2 * * *", False),
        ("30 2 */2 * *", False),
    ],
)
def test_a_star_at_the_start_of_minute_or_hour_makes_a_wildcard_schedule(expression: str, wildcard: bool) -> None:
    assert cron_syntax.parse(expression).wildcard is wildcard
