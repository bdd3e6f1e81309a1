"""H in cron: a value that is the schedule's own."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from uuid import UUID

import pytest

from jobs import triggers
from jobs.triggers import cron_syntax
from jobs.triggers.contract import InvalidSchedule, Spec

TIME = datetime(2026, 1, 1, tzinfo=UTC)
WALL = TIME.replace(tzinfo=None)
IDS = [UUID(int=number * 7919) for number in range(1, 601)]


def resolved(expression: str, seed: UUID | None) -> str:
    """The expression as it fires, without ``H``."""
    texts = cron_syntax._drawn(cron_syntax._split(expression), seed)
    return " ".join(texts if texts[0] != "0" else texts[1:])


def drawn(expression: str) -> list[str]:
    return [resolved(expression, seed) for seed in IDS]


def test_each_schedule_keeps_its_own_value() -> None:
    assert drawn("H H * * *") == drawn("h h * * *")
    assert resolved("H H(0-7) H * *", UUID(int=7)) == "38 6 17 * *"


def test_minutes_are_spread_over_the_hour() -> None:
    minutes = Counter(int(text.split()[0]) for text in drawn("H * * * *"))
    assert set(minutes) == set(range(60))
    assert max(minutes.values()) < 30  # ten each, by chance


@pytest.mark.parametrize(
    ("expression", "place", "values"),
    [
        ("H(10-19) * * * *", 0, set(range(10, 20))),
        ("0 H * * *", 1, set(range(24))),
        ("0 0 H * *", 2, set(range(1, 29))),
        ("0 0 1 H *", 3, set(range(1, 13))),
        ("0 0 * * H", 4, set(range(7))),
        ("0 0 * * H(mon-fri)", 4, {1, 2, 3, 4, 5}),
    ],
)
def test_a_value_is_one_that_the_field_can_be(expression: str, place: int, values: set[int]) -> None:
    assert {int(text.split()[place]) for text in drawn(expression)} == values


def test_seconds_are_spread_too() -> None:
    seconds = [cron_syntax.parse("H * * * * *", seed).walls for seed in IDS]
    assert len({next(walls.upward(WALL, WALL.replace(hour=1))) for walls in seconds}) == 60


def test_steps_begin_somewhere_in_the_first_one() -> None:
    assert {text.split()[0] for text in drawn("H/15 * * * *")} == {f"{first}-59/15" for first in range(15)}
    assert {text.split()[0] for text in drawn("H(0-29)/10 * * * *")} == {f"{first}-29/10" for first in range(10)}
    assert {text.split()[0] for text in drawn("H(3-4)/2 * * * *")} == {"3-4/2", "4"}
    for text in drawn("H(0-6)/7 H/24 H/28 H/12 H/7")[:50]:
        cron_syntax.parse(text)


def test_fields_and_items_are_drawn_apart() -> None:
    assert any(len(set(text.split()[:2])) == 2 for text in drawn("H(0-9) H(0-9) * * *"))
    assert any(len(set(text.split()[0].split(","))) == 2 for text in drawn("H,H * * * *"))


def test_a_stepped_h_follows_real_time_as_a_stepped_star_does() -> None:
    for expression, wildcard in (("H/15 2 * * *", True), ("H 2 * * *", False), ("H(0-30)/15 2 * * *", False)):
        assert cron_syntax.parse(expression, IDS[0]).wildcard is wildcard


def test_two_schedules_of_one_expression_do_not_share_their_slots() -> None:
    at = {next(triggers.build("cron", Spec(expression="H H * * *", schedule_id=seed)).after(TIME)).at for seed in IDS}
    assert len(at) > 300


def test_a_schedule_that_is_not_stored_yet_shows_an_example() -> None:
    assert resolved("H H * * *", None) == resolved("H H * * *", UUID(int=0))


@pytest.mark.parametrize(
    ("expression", "spread"),
    [
        ("H * * * *", True),
        ("0 h/2 * * *", True),
        ("1,H(3-9) * * * *", True),
        ("0 0 * * thu", False),
        ("@hourly", False),
    ],
)
def test_it_is_known_which_expressions_are_spread(expression: str, spread: bool) -> None:
    assert triggers.spreads(type("Row", (), {"kind": "cron", "expression": expression})) is spread


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("H(30-61) * * * *", "minute 61 is out of range; write 0 to 59 (at character 1)"),
        (
            "0 5,H(9-3) * * *",
            "hour 'H(9-3)' has a range that does not go up; write the lower value first (at character 5)",
        ),
        ("H(5-5) * * * *", "does not go up"),
        ("H/0 * * * *", "has a step of 0; write 2 to 60"),
        ("H/1 * * * *", "write 2 to 60, or leave it out for one single value"),
        ("0 0 H/29 * *", "has a step of 29; write 2 to 28"),
        ("H(0-9)/11 * * * *", "write 2 to 10"),
        ("H(0-9 * * * *", "write H, H(0-29), H/15 or H(0-29)/10"),
        ("H-5 * * * *", "write H, H(0-29)"),
        ("H(jan-feb) * * * *", "is not understood"),
    ],
)
def test_a_bad_h_is_refused_with_its_place(expression: str, message: str) -> None:
    with pytest.raises(InvalidSchedule) as refusal:
        cron_syntax.parse(expression, IDS[0])
    assert message in refusal.value.message
