"""The payload of a ``cache`` job."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from jobs import connections
from jobs.handlers import Json, Params
from tasks.databases import texts
from tasks.handlers.database import ParamName, Statement, Value
from tasks.http.params import HttpParams, Pointer

EVERYTHING = "everything"
MAX_KEYS = 1000
WILD = "*?[\\"
#: Which fields an operation needs, and which it may have beside those that all have.
_NEEDS = {
    "get": {"keys"},
    "set": {"entries"},
    "delete": {"keys"},
    "delete_pattern": {"pattern"},
    "expire": {"keys", "ttl_seconds"},
    "warm": {"key"},
    "stats": set(),
    "flush": set(),
}
_MAY = {
    "set": {"ttl_seconds", "only_if_absent"},
    "warm": {"ttl_seconds", "only_if_absent", "value", "call", "query"},
    "delete_pattern": {"confirm"},
    "flush": {"confirm"},
}


def _one_call(call: HttpParams) -> HttpParams:
    if call.poll is not None or call.save_as is not None:
        raise ValueError("cannot poll or save an artifact here: let an http job do that, and set what it found")
    return call


class CacheQuery(Params):
    """One query, whose rows are put into the cache."""

    #: Not SQLite: its locks and its bound of memory are a process's, and this job type runs in threads beside others.
    connection: connections.named("postgresql", "mysql")  # type: ignore[valid-type]
    query: Statement
    params: dict[ParamName, Value] = Field(default={}, description="Values for :name in the query.")

    @model_validator(mode="after")
    def _reads(self) -> Self:
        if not texts.reads(self.query):
            raise ValueError(f"{texts.first_word(self.query)} may write: a cache is warmed with SELECT")
        return self


Key = Annotated[str, Field(min_length=1, max_length=1024)]


class CacheParams(Params):
    """One operation on a region."""

    connection: connections.named("redis")  # type: ignore[valid-type]
    operation: Literal["get", "set", "delete", "delete_pattern", "expire", "warm", "stats", "flush"]
    prefix: str = Field(default="", max_length=200, description="Before every key and pattern: the region.")
    keys: list[Key] | None = Field(default=None, min_length=1, max_length=MAX_KEYS)
    entries: dict[Key, Json] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_KEYS,
        description="Key to value: a text as it is, anything else as JSON.",
    )
    ttl_seconds: int | None = Field(default=None, ge=1, le=10 * 366 * 86_400, description="How long it is good.")
    only_if_absent: bool = Field(default=False, description="What is there stays.")
    pattern: Key | None = Field(default=None, description="With * and ?, as Redis reads it.")
    key: Key | None = Field(default=None, description="Where what the call or query finds is put.")
    call: Annotated[HttpParams, AfterValidator(_one_call)] | None = Field(
        default=None, description="Payload of an http job whose answer is put into the cache."
    )
    query: CacheQuery | None = Field(
        default=None, description="Instead of a call: its rows, as a JSON list of objects."
    )
    value: Pointer | None = Field(default=None, description="The place in that JSON; left out: all of it.")
    confirm: Literal["everything"] | None = Field(
        default=None, description="Needed where neither prefix nor the pattern's beginning says what of the database."
    )
    batch_size: int = Field(default=500, ge=1, le=10_000, description="Keys that SCAN looks at, and deletes, at once.")
    pause_ms: int = Field(default=2, ge=0, le=10_000, description="Between two batches, for others to have their turn.")
    max_keys: int = Field(default=100_000, ge=1, le=100_000_000, description="Most keys that are deleted.")

    @model_validator(mode="after")
    def _fits_its_operation(self) -> Self:
        given = {
            name for name in set().union(*_NEEDS.values(), *_MAY.values()) if getattr(self, name) not in (None, False)
        }
        if missing := sorted(_NEEDS[self.operation] - given):
            raise ValueError(f"{self.operation} needs {' and '.join(missing)}")
        if self.operation == "warm" and (self.call is None) == (self.query is None):
            raise ValueError("warm needs call or query, one of them")
        if further := sorted(given - _NEEDS[self.operation] - _MAY.get(self.operation, set())):
            raise ValueError(f"{self.operation} does not take {' or '.join(further)}")
        if self.operation in ("flush", "delete_pattern") and not self._says_what_of_it and self.confirm != EVERYTHING:
            raise ValueError(f'this could delete all of the database: give a prefix, or "confirm": "{EVERYTHING}"')
        return self

    @property
    def _says_what_of_it(self) -> bool:
        """Whether what is deleted begins with something."""
        return bool(self.prefix) or (self.pattern or "*")[0] not in WILD
