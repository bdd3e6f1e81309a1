"""What the next clock changes do to a schedule: known cases by hand, and the words against the slots."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs import triggers
from jobs.previews import clocks
from jobs.rules.slots import SlotKind
from jobs.triggers import zones

WINTER = datetime(2027, 1, 1, tzinfo=UTC)


def effects(expression: str, zone: str = "Europe/Berlin", after: datetime = WINTER, **policy: Any) -> list[str]:
    trigger = triggers.build("cron", {"expression": expression, "timezone": zone, **policy})
    return [change.effect for change in clocks.changes("cron", zone, trigger, after)]


def test_the_next_two_changes_are_named_with_their_offsets():
    trigger = triggers.build("cron", {"expression": "0 5 * * *", "timezone": "Europe/Berlin"})
    spring, autumn = clocks.changes("cron", "Europe/Berlin", trigger, WINTER)
    assert (spring.at, spring.offset_before, spring.offset_after) == (
        datetime(2027, 3, 28, 1, tzinfo=UTC),
        "+01:00",
        "+02:00",
    )
    assert (autumn.at, autumn.offset_before, autumn.offset_after) == (
        datetime(2027, 10, 31, 1, tzinfo=UTC),
        "+02:00",
        "+01:00",
    )
    assert (spring.effect, spring.leaves_out) == ("none of its times is touched", False)


@pytest.mark.parametrize(
    ("expression", "policy", "spring", "autumn"),
    [
        ("30 2 * * *", {}, "the slot 02:30 does not exist and runs at 03:00", "the slot 02:30 comes twice and runs the first time only"),
        ("30 2 * * *", {"dst_gap": "skip", "dst_fold": "second"},
         "the slot 02:30 does not exist and is left out", "the slot 02:30 comes twice and runs the second time only"),
        ("30 2 * * *", {"dst_fold": "both"},
         "the slot 02:30 does not exist and runs at 03:00", "the slot 02:30 comes twice and runs both times"),
        ("10,20 2 * * *", {}, "02:10 and 1 more do not exist and run once at 03:00", "02:10 and 1 more come twice and run the first time only"),
        ("0 2,3 * * *", {}, "the slot 02:00 does not exist; the run at 03:00 stands for it",
         "the slot 02:00 comes twice and runs the first time only"),
        ("*/30 * * * *", {}, "it follows real time: no run is moved, left out or doubled",
         "it follows real time: no run is moved, left out or doubled"),
        ("0 12 * * *", {}, "none of its times is touched", "none of its times is touched"),
    ],
)  # fmt: skip
def test_what_becomes_of_its_times_is_said(expression, policy, spring, autumn):
    assert effects(expression, **policy) == [spring, autumn]


def test_a_shift_of_half_an_hour_and_a_day_that_was_left_out_are_named():
    assert effects("15 2 * * *", "Australia/Lord_Howe", datetime(2027, 6, 1, tzinfo=UTC))[0] == (
        "the slot 02:15 does not exist and runs at 02:30"
    )
    apia = effects("0 9 * * *", "Pacific/Apia", datetime(2011, 12, 1, tzinfo=UTC))[0]
    assert apia == "the slot 2011-12-30 09:00 does not exist and runs at 2011-12-31 00:00"


def test_only_what_is_left_out_is_marked():
    trigger = triggers.build("cron", {"expression": "30 2 * * *", "timezone": "Europe/Berlin", "dst_gap": "skip"})
    assert [change.leaves_out for change in clocks.changes("cron", "Europe/Berlin", trigger, WINTER)] == [True, False]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Sao_Paulo"])
def test_a_zone_that_changes_nothing_has_no_changes(zone):
    assert effects("30 2 * * *", zone) == []


def test_an_interval_knows_no_clocks():
    trigger = triggers.build("interval", {"interval_seconds": 60, "start_at": WINTER})
    (first, _) = clocks.changes("interval", "Europe/Berlin", trigger, WINTER)
    assert first.effect.startswith("it follows real time")


@settings(max_examples=150, deadline=None)
@given(
    minutes=st.lists(st.integers(0, 59), min_size=1, max_size=3, unique=True),
    hours=st.lists(st.integers(0, 4), min_size=1, max_size=3, unique=True),
    zone=st.sampled_from(
        ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "America/Santiago"]
    ),
    gap=st.sampled_from(["run_after_gap", "skip"]),
    fold=st.sampled_from(["first", "second", "both"]),
    after=st.datetimes(datetime(2025, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_the_words_are_true_of_the_slots(minutes, hours, zone, gap, fold, after):
    expression = f"{','.join(map(str, minutes))} {','.join(map(str, hours))} * * *"
    trigger = triggers.build("cron", {"expression": expression, "timezone": zone, "dst_gap": gap, "dst_fold": fold})
    for change in clocks.changes("cron", zone, trigger, after):
        low, high = change.at - timedelta(hours=3), change.at + timedelta(hours=3)
        slots = list(takewhile(lambda slot, high=high: slot.at < high, trigger.after(low)))
        left_out = [slot for slot in slots if slot.kind is SlotKind.DST_GAP]
        place = zones.zone(zone)
        moved = [
            slot
            for slot in slots
            if slot.kind is SlotKind.RUN and slot.nominal != slot.at.astimezone(place).isoformat()
        ]
        walls = [slot.nominal[:19] for slot in slots]
        twice = {wall for wall in walls if walls.count(wall) == 2}
        assert change.leaves_out == bool(left_out)
        assert ("left out" in change.effect) == bool(left_out)
        assert ("exist and run" in change.effect) == bool(moved)
        assert ("twice" in change.effect) == bool(twice)
        if twice:
            runs = next(
                [slot.kind is SlotKind.RUN for slot in slots if slot.nominal[:19] == wall] for wall in sorted(twice)
            )
            said = {(True, False): "the first time", (False, True): "the second time", (True, True): "both times"}[
                tuple(runs)
            ]  # type: ignore[index]
            assert said in change.effect
