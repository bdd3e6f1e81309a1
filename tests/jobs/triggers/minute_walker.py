"""An independent reading of schedules and clock changes: walk real time minute by minute and look at the clock.

Nothing here is shared with the product: own field parser, own idea of gaps and folds. Slow and plain.
Returns (instant, nominal, kind) triples, ascending.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
MARGIN = timedelta(days=1, hours=2)
DAY_NAMES = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

Seen = tuple[datetime, str, str]


def field_matches(field: str, value: int, low: int, high: int) -> bool:
    for item in field.lower().split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        if span == "*":
            begin, end = low, high
        elif last:
            begin, end = number(first), number(last)
        else:
            begin = number(first)
            end = high if step else begin
        if value in range(begin, end + 1, int(step or 1)):
            return True
    return False


def number(text: str) -> int:
    return DAY_NAMES.index(text) if text in DAY_NAMES else int(text)


def wall_matches(expression: str, wall: datetime) -> bool:
    minute, hour, day, month, weekday = expression.split()
    if not (field_matches(minute, wall.minute, 0, 59) and field_matches(hour, wall.hour, 0, 23)):
        return False
    if not field_matches(month, wall.month, 1, 12):
        return False
    by_date = field_matches(day, wall.day, 1, 31)
    sunday_is_0 = wall.isoweekday() % 7
    by_weekday = field_matches(weekday, sunday_is_0, 0, 6) or (
        sunday_is_0 == 0 and weekday != "*" and field_matches(weekday, 7, 0, 7)
    )
    if day != "*" and weekday != "*":
        return by_date or by_weekday
    return by_date and by_weekday


def walk(expression: str, zone: str, start: datetime, end: datetime, gap: str, fold: str) -> list[Seen]:
    """Everything a cron expression means in [start, end)."""
    minute_field, hour_field = expression.split()[:2]
    wildcard = minute_field[0] == "*" or hour_field[0] == "*"
    return walk_walls(lambda wall: wall_matches(expression, wall), wildcard, zone, start, end, gap, fold)


def walk_walls(
    matches: Callable[[datetime], bool], wildcard: bool, zone: str, start: datetime, end: datetime, gap: str, fold: str
) -> list[Seen]:
    """Everything in [start, end). Walks a margin on both sides, so that it sees both halves of a fold."""
    place = ZoneInfo(zone)
    seen: list[Seen] = []
    nights: dict[datetime, list[int]] = {}
    instant = start - MARGIN
    before = (instant - MINUTE).astimezone(place)
    while instant < end + MARGIN:
        local = instant.astimezone(place)
        wall = local.replace(tzinfo=None, fold=0)
        here = matches(wall)
        removed = None if wildcard else first_removed(matches, before, wall)
        if removed is not None and gap == "skip":
            seen.append((instant, removed, "dst_gap"))
        elif removed is not None and not here:
            seen.append((instant, removed, "run"))
        if here:
            nights.setdefault(wall, []).append(len(seen))
            seen.append((instant, local.isoformat(), "run"))
        before = local
        instant += MINUTE
    if not wildcard and fold != "both":
        leave_out_folded(seen, nights, fold)
    return [one for one in seen if start <= one[0] < end]


def first_removed(matches: Callable[[datetime], bool], before: datetime, wall: datetime) -> str | None:
    """The first matching wall time the clock jumped over, with the offset from before."""
    missing = before.replace(tzinfo=None, fold=0) + MINUTE
    while missing < wall:
        if matches(missing):
            return missing.isoformat() + before.isoformat()[19:]
        missing += MINUTE
    return None


def leave_out_folded(seen: list[Seen], nights: dict[datetime, list[int]], fold: str) -> None:
    for places in nights.values():
        kept = places[0] if fold == "first" else places[-1]
        for index in places:
            if index != kept:
                seen[index] = (seen[index][0], seen[index][1], "dst_fold")


def days(text: str, count: int) -> tuple[datetime, datetime]:
    """[start, end): so many days around a date, in UTC."""
    middle = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return middle - timedelta(days=count), middle + timedelta(days=count)
