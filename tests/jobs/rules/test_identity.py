"""Derived and drawn ids."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.rules import identity

SCHEDULE = UUID("01980000-0000-7000-8000-000000000001")
AT = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
NOMINAL = "2026-03-29T02:30:00+01:00"
MILLISECOND = timedelta(milliseconds=1)
SLOT_ID = identity.slot_id(SCHEDULE, "run", NOMINAL, AT)


def test_a_slot_id_never_changes() -> None:
    # Written down once: ids are stored, so a new formula would plan every live slot again.
    assert UUID("019d371a-da80-718d-9de6-7147a4f3e4f2") == SLOT_ID
    assert identity.slot_id(SCHEDULE, "run", NOMINAL, AT) == SLOT_ID


@pytest.mark.parametrize(
    "other",
    [
        identity.slot_id(UUID(int=SCHEDULE.int + 1), "run", NOMINAL, AT),
        identity.slot_id(SCHEDULE, "dst_gap", NOMINAL, AT),
        identity.slot_id(SCHEDULE, identity.FOLDED, NOMINAL, AT),
        identity.slot_id(SCHEDULE, "run", "2026-03-29T02:30:00+02:00", AT),
        identity.slot_id(SCHEDULE, "run", NOMINAL, AT + MILLISECOND),
        identity.slot_id(SCHEDULE, "run" + NOMINAL[0], NOMINAL[1:], AT),
    ],
)
def test_whatever_differs_gives_another_id(other: UUID) -> None:
    assert other != SLOT_ID


@pytest.mark.parametrize(
    "value",
    [
        SLOT_ID,
        identity.request_id(AT),
        identity.floor_id(AT),
    ],
)
def test_every_id_is_a_version_7_uuid_with_the_instant_in_front(value: UUID) -> None:
    assert (value.version, value.variant) == (7, RFC_4122)
    assert identity.milliseconds(value) == int(AT.timestamp() * 1000)


def test_drawn_ids_differ() -> None:
    assert identity.request_id(AT) != identity.request_id(AT)


INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(2199, 1, 1)).map(lambda value: value.replace(tzinfo=UTC))  # noqa: DTZ001


@settings(deadline=None, max_examples=60, database=None)
@given(earlier=INSTANTS, gap=st.timedeltas(MILLISECOND, timedelta(days=99)), schedule=st.uuids(), nominal=st.text())
def test_ids_sort_by_their_instant_and_floors_part_them(
    earlier: datetime, gap: timedelta, schedule: UUID, nominal: str
) -> None:
    later = earlier + gap
    first, second = (identity.slot_id(schedule, "run", nominal, at) for at in (earlier, later))
    assert identity.floor_id(earlier) <= first < identity.floor_id(later) <= second


@pytest.mark.parametrize("instant", [datetime(1969, 12, 31, tzinfo=UTC)])
def test_an_instant_no_id_can_hold_is_refused(instant: datetime) -> None:
    with pytest.raises(ValueError, match="1970"):
        identity.request_id(instant)


def test_a_backfills_slot_has_the_time_of_the_backfill_and_an_id_of_its_own() -> None:
    backfill, made_at = UUID("01980000-0000-7000-8000-00000000000b"), AT + timedelta(days=9)
    mine = identity.backfill_id(backfill, SCHEDULE, "run", NOMINAL, made_at)
    assert mine == identity.backfill_id(backfill, SCHEDULE, "run", NOMINAL, made_at)
    assert identity.milliseconds(mine) == int(made_at.timestamp() * 1000)
    others = [
        identity.backfill_id(UUID(int=backfill.int + 1), SCHEDULE, "run", NOMINAL, made_at),
        identity.backfill_id(backfill, UUID(int=SCHEDULE.int + 1), "run", NOMINAL, made_at),
        identity.backfill_id(backfill, SCHEDULE, "dst_gap", NOMINAL, made_at),
        identity.backfill_id(backfill, SCHEDULE, "run", "2026-03-29T02:30:00+02:00", made_at),
        identity.slot_id(SCHEDULE, "run", NOMINAL, made_at),
    ]
    assert len({mine, *others}) == 6
