"""Who did something, as people call them: the audit trail's words are for looking up, not for reading."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Substr

from tenants import marks
from tenants.models import ApiKey

_KEY, _PERSON = "key:", "user:"


def called(actor: str) -> str:
    """The name of a key, the e-mail address of a person; whoever else it is, as the trail says it."""
    return all_called([actor])[actor]


def all_called(actors: Collection[str]) -> Mapping[str, str]:
    """The same of many, asked for at once."""
    keys = {actor.removeprefix(_KEY) for actor in actors if actor.startswith(_KEY)}
    found = dict(ApiKey.objects.filter(key_id__in=keys).values_list("key_id", "name")) if keys else {}
    return {actor: _called(actor, found.get(actor.removeprefix(_KEY))) for actor in actors}


def with_keys(rows: QuerySet[Any], column: str) -> QuerySet[Any]:
    """Rows with the names of the keys in a column, for :func:`of_row`: a list asks once for all of them."""
    key = ApiKey.objects.filter(key_id=Substr(OuterRef(column), len(_KEY) + 1)).values("name")[:1]
    named: QuerySet[Any] = rows.annotate(**{f"{column}_key": Subquery(key)})
    return named


def of_row(row: Any, column: str) -> str:
    """As :func:`called`, of a row that :func:`with_keys` has read."""
    return _called(getattr(row, column), getattr(row, f"{column}_key"))


def _called(actor: str, key: str | None) -> str:
    if actor.startswith(_KEY):
        return f"API key {key or actor.removeprefix(_KEY)}"
    return actor.removeprefix(_PERSON) or marks.NOTHING
