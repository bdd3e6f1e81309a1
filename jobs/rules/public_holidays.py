"""Public holidays by country and subdivision, as the ``holidays`` library knows them. Pure.

The library's data change from release to release. So what it says is written down once, as entries of a calendar, and
asked for again only when somebody wants to know the difference.
"""

from __future__ import annotations

import warnings
from functools import cache
from importlib.metadata import version

import holidays
from holidays.registry import COUNTRIES

from jobs.rules.calendar_days import LONGEST_NOTE, Entry, InvalidDays

#: Years before and after the one it is asked in.
YEARS_BACK, YEARS_AHEAD = 1, 25
VERSION = version("holidays")


@cache
def countries() -> frozenset[str]:
    """Codes of countries (ISO 3166, two letters)."""
    return frozenset(code for names in COUNTRIES.values() for code in names if len(code) == 2)


def subdivisions(country: str) -> tuple[str, ...]:
    """Codes of a country's parts whose holidays are known."""
    return tuple(getattr(holidays, country).subdivisions)


def check(country: str, subdivision: str) -> None:
    """Raises :class:`InvalidDays` for what the library does not know."""
    if country not in countries():
        raise InvalidDays("country", "must be a code of ISO 3166 such as DE, of a country whose holidays are known")
    known = subdivisions(country) if subdivision else ()
    if subdivision and subdivision not in known:
        listed = ", ".join(known) or "none: leave it out"
        raise InvalidDays("subdivision", f"is none of {country}; known are {listed}"[:1000])


def entries(country: str, subdivision: str, year: int) -> list[Entry]:
    """Of the years around ``year``, in order, in the country's own language. Raises :class:`InvalidDays`."""
    check(country, subdivision)
    years = range(year - YEARS_BACK, year + YEARS_AHEAD + 1)
    own = getattr(holidays, country).default_language  # else the machine's would be taken
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that some years are not known yet
        found = holidays.country_holidays(country, subdiv=subdivision or None, years=years, language=own)
    return [Entry(day, None, _printable(found[day])) for day in sorted(found)]


def _printable(note: str) -> str:
    return "".join(letter for letter in note if letter.isprintable())[:LONGEST_NOTE]
