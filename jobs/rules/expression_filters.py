"""The filters of expressions, and what they and the expressions around them may cost and make.

Every filter's work is bounded by what goes in and what comes out, and both are charged to the payload's
:class:`Budget`, so no chain of them is dear. What comes out is JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jinja2 import Undefined, pass_context
from jinja2.runtime import Context

from jobs.rules.expression_values import EACH, LONGEST_NUMBER, MAX_VALUE, Budget, CannotCompute, is_bearable, kind, text

MAX_DEPTH = 50
#: Among the names of an expression, and none that anybody can write.
BUDGET = " budget"
_FORMAT = re.compile(r"(?:[^%\x00]|%[YmdHMSjuwVGyBbAaIpZzs%])*")
_SHIFT = re.compile(r"([+-]?\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST_FORMAT = 100


class Unreadable(Undefined):
    """There is something, and an expression cannot read it."""


def plain(value: Any, budget: Budget, depth: int = 0) -> Any:
    """The value as JSON of its own. Raises :class:`CannotCompute` if it is none, or is too much."""
    if isinstance(value, Undefined):
        raise CannotCompute(value._undefined_message)
    if depth > MAX_DEPTH:
        raise CannotCompute("its value is nested too deeply")
    if isinstance(value, str):
        budget.charge(len(value))
        return str(value)
    budget.charge(0)
    if isinstance(value, Mapping):
        budget.charge(sum(len(key) for key in value))
        return {key: plain(each, budget, depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each, budget, depth + 1) for each in value]
    if value is None or isinstance(value, bool) or (isinstance(value, int | float) and is_bearable(value)):
        return value
    raise CannotCompute("its value is no JSON")


def _charging(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let the filter's text and its result be charged, and texts alone come in."""

    @pass_context
    def charged(context: Context, value: Any, *arguments: Any) -> Any:
        budget = _budget(context)
        value = _required(value)
        if not isinstance(value, str):
            raise CannotCompute(f"{function.__name__.strip('_')} needs a text, and this is {kind(value)}")
        budget.charge(len(value))
        made = function(value, *arguments)
        budget.charge(len(made) if isinstance(made, str) else 0)
        return made

    return charged


def _budget(context: Context) -> Budget:
    budget = context.resolve(BUDGET)
    assert isinstance(budget, Budget)
    return budget


def _required(value: Any) -> Any:
    if isinstance(value, Undefined):
        raise CannotCompute(value._undefined_message)
    return value


@pass_context
def inserted(context: Context, value: Any) -> str:
    """A part of a text that ``~`` joins."""
    budget = _budget(context)
    made = text(_required(value))
    budget.charge(len(made))
    return made


def _default(value: Any, other: Any) -> Any:
    if isinstance(value, Unreadable):
        raise CannotCompute(value._undefined_message)
    return other if value is None or isinstance(value, Undefined) else value


def _length(value: Any) -> int:
    if not isinstance(_required(value), str | list | Mapping):
        raise CannotCompute(f"{kind(value)} has no length")
    return len(value)


def _int(value: Any) -> int:
    return int(_number(value))


def _float(value: Any) -> float:
    return float(_number(value))


def _number(value: Any) -> int | float:
    value = _required(value)
    if isinstance(value, str) and len(value) <= LONGEST_NUMBER:
        try:
            value = int(value) if re.fullmatch(r"\s*[+-]?\d+\s*", value, re.ASCII) else float(value)
        except ValueError:
            value = None
    if isinstance(value, int | float) and is_bearable(value):
        return value
    raise CannotCompute("is no number")


@pass_context
def _string(context: Context, value: Any) -> str:
    return str(inserted(context, value))


@pass_context
def _json(context: Context, value: Any) -> str:
    budget = _budget(context)
    made: str = json.dumps(plain(value, budget), ensure_ascii=False)
    budget.charge(len(made))
    return made


@pass_context
def _join(context: Context, value: Any, between: Any = "") -> str:
    budget = _budget(context)
    if not isinstance(_required(value), list):
        raise CannotCompute(f"join needs a list, and this is {kind(value)}")
    parts = [text(each) for each in value]
    comma = text(between)
    budget.charge(sum(map(len, parts)) + len(comma) * len(parts) + EACH * len(parts))
    return comma.join(parts)


@_charging
def upper(value: str) -> str:
    return value.upper()


@_charging
def lower(value: str) -> str:
    return value.lower()


@_charging
def trim(value: str) -> str:
    return value.strip()


@_charging
def replace(value: str, old: Any, new: Any) -> str:
    old, new = text(old), text(new)
    if not old:
        raise CannotCompute("replace needs something to look for")
    if len(value) + value.count(old) * (len(new) - len(old)) > MAX_VALUE:
        raise CannotCompute(f"its value is longer than {MAX_VALUE // 1024} KiB")
    return value.replace(old, new)


@_charging
def urlencode(value: str) -> str:
    return quote(value, safe="")


@_charging
def date(value: str, form: Any = "%Y-%m-%d", zone: Any = "UTC") -> str:
    """An instant as text, in a zone."""
    if not isinstance(form, str) or len(form) > _LONGEST_FORMAT or not _FORMAT.fullmatch(form):
        raise CannotCompute("date takes a format of at most 100 characters, such as '%Y-%m-%d %H:%M'")
    at, name = _instant(value), text(zone)
    try:
        local = at.astimezone(ZoneInfo(name))
    except (LookupError, ValueError, OSError, OverflowError):
        raise CannotCompute("date takes the name of a time zone, such as 'Europe/Berlin'") from None
    return local.strftime(form.replace("%s", str(int(local.timestamp()))))


@_charging
def shift(value: str, by: Any) -> str:
    """An instant so much later, or earlier."""
    found = _SHIFT.fullmatch(by) if isinstance(by, str) else None
    if found is None:
        raise CannotCompute("shift takes a length such as '-1d', '90m' or '2w', in s, m, h, d or w")
    at = _instant(value)
    try:
        moved = at + timedelta(**{_UNITS[found[2]]: int(found[1])})
    except OverflowError:
        raise CannotCompute("shift leaves the calendar") from None
    return instant(moved)


def instant(at: datetime) -> str:
    """An instant as expressions see it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _instant(value: str) -> datetime:
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise CannotCompute("is no instant, such as 2026-01-31T08:30:00Z") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


FILTERS: dict[str, Callable[..., Any]] = {
    "date": date,
    "default": _default,
    "float": _float,
    "int": _int,
    "join": _join,
    "json": _json,
    "length": _length,
    "lower": lower,
    "replace": replace,
    "shift": shift,
    "string": _string,
    "trim": trim,
    "upper": upper,
    "urlencode": urlencode,
}
#: How many arguments each takes; those not named take none.
ARGUMENTS = {"date": (0, 2), "default": (1, 1), "join": (0, 1), "replace": (2, 2), "shift": (1, 1)}


def numbered(fewest: int, most: int) -> str:
    """How many arguments something takes, in words."""
    if most == 0:
        return "no argument"
    return f"{fewest} to {most} arguments" if fewest != most else f"{most} argument{'s' if most > 1 else ''}"
