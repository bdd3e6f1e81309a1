"""The ``aggregation`` job type: a query over a period, into a table beside it. Run twice, it leaves the same."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Literal, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from jobs.connections import named
from jobs.handlers import Context, Handler, Json, Params, PermanentFailure
from jobs.rules.codes import Failure
from tasks import databases
from tasks.databases import periods, tables, texts
from tasks.databases.periods import Period
from tasks.databases.session import Session
from tasks.databases.tables import ColumnName, TableName
from tasks.handlers.database import ParamName, Statement, Value


def _reading(text: str) -> str:
    if texts.first_word(text) not in ("SELECT", "WITH", "VALUES"):
        raise ValueError("must be a SELECT: its rows go into the target")
    return text


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("is no time zone: write one such as Europe/Berlin")
    return name


class AggregationParams(Params):
    connection: named("postgresql", "mysql", "sqlite")  # type: ignore[valid-type]
    query: Annotated[Statement, AfterValidator(_reading)] = Field(
        description="Its rows have the columns in their order; :period_start and :period_end are the period's."
    )
    target: TableName
    columns: Annotated[list[ColumnName], Field(min_length=1, max_length=200)] = Field(description="Of the target.")
    mode: Literal["replace", "upsert"] = Field(
        description="replace: the target's rows of the period go first; upsert: rows with the same keys are overwritten."
    )
    keys: Annotated[list[ColumnName], Field(max_length=16)] = Field(
        default=[], description="For upsert: columns with a unique index."
    )
    period_column: ColumnName | None = Field(
        default=None, description="For replace: by which the target's rows belong."
    )
    period: Period = "day"
    back: Annotated[int, Field(ge=0, le=1000)] = Field(default=1, description="Periods before the one that at is in.")
    at: AwareDatetime | None = Field(
        default=None,
        description="Usually {{ execution.scheduled_for }}, so that a repetition is of the same period; or now.",
    )
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    params: dict[ParamName, Value] = Field(default={}, description="Further values for :name in the query.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.mode == "upsert" and not (self.keys and set(self.keys) <= set(self.columns)):
            raise ValueError("upsert needs keys, which are some of the columns")
        if self.mode == "replace" and self.period_column not in self.columns:
            raise ValueError("replace needs period_column, which is one of the columns")
        return self


class Aggregation(Handler[AggregationParams]):
    job_type = "aggregation"
    title = "Aggregation"
    description = "Stores a query's rows over a period in a table of the same database, in one transaction."
    params = AggregationParams
    inputs = frozenset({"at", "back", "params"})
    without_expressions: ClassVar[dict[str, str]] = {
        "query": "write :name in the SQL, and the expression as the value of that name in params"
    }
    example: ClassVar[dict[str, Json]] = {
        "connection": "warehouse",
        "query": "SELECT day, count(*) FROM orders WHERE day >= :period_start AND day < :period_end GROUP BY day",
        "target": "orders_by_day",
        "columns": ["day", "orders"],
        "mode": "upsert",
        "keys": ["day"],
    }

    def run(self, params: AggregationParams, context: Context) -> Json:
        begin, end = periods.window(params.at or datetime.now(UTC), params.period, params.back, params.timezone)
        context.log(f"period from {begin.isoformat()} to {end.isoformat()}")
        found: dict[str, Json] = {"period_start": begin.isoformat(), "period_end": end.isoformat()}
        with databases.session(context, context.connection(params.connection)) as session:
            kind = session.dialect.name
            window = {"period_start": periods.said(begin, kind), "period_end": periods.said(end, kind)}
            with session.transaction(isolation="serializable"):  # two at once would both find nothing to replace
                insert = tables.insert_of(session, params.target, params.columns, params.query, params.keys)
                values = {**params.params, **window}
                if params.mode == "replace":
                    first_day, end_day = periods.days(begin, end, params.timezone)
                    found |= _replaced(
                        session, params, insert, values, window | {"first_day": first_day, "end_day": end_day}
                    )
                else:
                    found["rows"] = session.execute(insert, values)
        context.log(f"{found['rows']} rows into {params.target}")
        return found


def _replaced(
    session: Session, params: AggregationParams, insert: str, values: Mapping[str, Json], window: Mapping[str, str]
) -> dict[str, Json]:
    """The target's rows of the period go, the query's come; refused if a repetition would not find all of those."""
    assert params.period_column is not None
    condition = tables.of_period(session, params.target, params.period_column)
    replaced = session.execute(tables.delete_where(session, params.target, condition), window)
    count = session.execute(insert, values)
    ((inside,),) = session.stream(tables.count_where(session, params.target, condition), window)
    if count is not None and inside < count:
        message = (
            f"{count - inside} of its {count} rows has a {params.period_column} outside of the period from"
            f" {window['period_start']} to {window['period_end']}, and run again it would be there twice: let the query give"
            " the instant or the date at which the period begins"
        )
        raise PermanentFailure(message, code=Failure.CONFIG_INVALID)
    return {"replaced": replaced, "rows": count}
