"""The ``map`` job type: one job for each item of a list, so many at once."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, field_validator

from jobs.handlers import Context, Handler, Json, Params
from jobs.rules import sub_runs
from jobs.rules.payload_expressions import path
from jobs.rules.states import State
from jobs.rules.sub_runs import MOST_CHILDREN, Child, Ended, Plan
from jobs.written_forms import written
from tasks import children

_DATA = "it is stored with the executions of the items: let the job that runs them insert it"
_SHARE = written(r"^(100|[0-9]{1,2}(\.[0-9]+)?)%$", "a whole number, or a share from 0% to 100%, such as 5%")


class MapParams(Params):
    job: str = Field(
        min_length=1, max_length=200, description="What runs for each item; of this tenant, by name or id."
    )
    over: list[Json] = Field(max_length=MOST_CHILDREN, description="The items, or one expression that gives them.")
    payload: dict[str, Json] = Field(
        default={}, description="Overrides of the job's, with expressions over `item` and `index`."
    )
    cap: int = Field(default=10, ge=1, le=MOST_CHILDREN, description="How many run at once.")
    allow_failures: Annotated[int, Field(ge=0)] | Annotated[str, Field(pattern=_SHARE)] = Field(
        default=0, union_mode="left_to_right", description="How many items may fail, or what share of them, such as 5%."
    )

    @field_validator("payload")
    @classmethod
    def _readable(cls, payload: dict[str, Json]) -> dict[str, Json]:
        for place, message in sub_runs.problems(payload, frozenset({"item", "index"})):
            raise ValueError(f"{path(place)}: {message}")
        return payload


class Map(Handler[MapParams]):
    job_type = "map"
    title = "Map"
    description = "Runs a job once for each item of a list, so many at once, and collects their results."
    params = MapParams
    threaded = True
    inputs = frozenset({"over"})
    templated = frozenset({"payload"})
    without_secrets: ClassVar[dict[str, str]] = {"over": _DATA}
    example: ClassVar[dict[str, Json]] = {
        "job": "resize image",
        "over": ["a.png", "b.png"],
        "payload": {"result": "{{ item }}"},
        "cap": 2,
        "allow_failures": "5%",
    }

    def named_jobs(self, payload: Mapping[str, Json]) -> Mapping[str, str]:
        """What runs for each item."""
        return {"job": payload["job"]} if isinstance(payload.get("job"), str) else {}

    def given(self, payload: Mapping[str, Json]) -> Mapping[str, tuple[str, Mapping[str, Json]]]:
        """The same for each item."""
        job, overrides = payload.get("job"), payload.get("payload")
        return {"payload": (job, overrides)} if isinstance(job, str) and isinstance(overrides, dict) else {}

    def run(self, params: MapParams, context: Context) -> Json:
        if not params.over:
            return _told(Ended(state="succeeded", children=()))
        most = _most_failures(params)
        ended = context.children(Plan(children=_children(params), cap=params.cap, most_failures=most))
        told = _told(ended)
        children.refuse_cancelled(ended, told)
        if len(ended.children) - told[State.SUCCEEDED] > most:
            raise children.failure(ended, "items", told)
        return told


def _most_failures(params: MapParams) -> int:
    allowed = params.allow_failures
    if isinstance(allowed, int):
        return allowed
    return math.floor(float(allowed.rstrip("%")) / 100 * len(params.over))


def _children(params: MapParams) -> list[Child]:
    """Steps are called by their places, so written that they are listed in order."""
    width = len(str(len(params.over) - 1))
    return [
        Child(step=f"{index:0{width}d}", job=params.job, payload=params.payload, scope={"item": item, "index": index})
        for index, item in enumerate(params.over)
    ]


def _told(ended: Ended) -> dict[str, Any]:
    """Counts, and the results in the items' order as long as they fit; null for what has none."""
    told = children.counts(ended)
    known = list(itertools.takewhile(lambda child: not child.omitted, ended.children))
    entries = [child.result if child.state == State.SUCCEEDED else None for child in known]
    kept, truncated = children.within(told, entries, left_out=len(known) < len(ended.children))
    return {**told, "results": entries[:kept], "truncated": truncated}
