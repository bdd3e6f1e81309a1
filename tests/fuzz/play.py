"""Tries the API by its own description: each route alone, with odd values, and in sequences along its links.

The same seed tries the same again. Nothing is shrunk: a finding says the request, and a regression test is written by hand.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import hypothesis
import schemathesis
from django.test import override_settings
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from schemathesis import GenerationMode

from scheduler_project import (
    celery,  # noqa: F401 - the API rings through it
    reference,
)
from tests.fuzz import asking, odd, server, walks, world
from tests.fuzz.asking import Asking

#: Shares of all cases.
ALONE, ODD = 0.5, 0.2
#: Of a walk, on the average.
STEPS = 2
WHO = ("admin", "admin", "admin", "operator", "viewer", "nobody")


@dataclass
class Report:
    """What was tried and what was found: by what is wrong, the first request."""

    tried: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    found: dict[str, str] = field(default_factory=dict)


def run(*, cases: int, seed: int, only: str = "", document: dict[str, Any] | None = None) -> Report:
    """Try about so many requests; ``only`` operations whose id contains that. ``document`` is the code's own if left out."""
    report = Report()
    with _unlimited(), server.running() as app:
        described = document or reference.described()
        schema = schemathesis.openapi.from_dict(described)
        schema.config.base_url = "http://testserver"
        asks = Asking(app, world.make(), report)
        operations = [each.ok() for each in schema.get_all_operations()]
        chosen = [each for each in operations if only in each.definition.raw["operationId"]]
        alone, strange = (max(1, round(cases * share / len(operations))) for share in (ALONE, ODD))
        for number, operation in enumerate(chosen):
            _try(_alone(operation), asks.alone, examples=alone, seed=seed, name=operation.label)
            _try(_strange(operation), asks.strange, examples=strange, seed=seed, name=f"odd {operation.label}")
            asks.by_another_method(operation, asking.UNKNOWN_METHODS[number % len(asking.UNKNOWN_METHODS)])
        if not only:
            rest = cases - sum(report.tried.values())
            known = walks.Map(described, operations)
            _try(
                st.tuples(walks.walks(known)),
                partial(walks.walk, asks),
                examples=max(1, rest // STEPS),
                seed=seed,
                name="walks",
            )
    return report


@contextmanager
def _unlimited() -> Iterator[None]:
    from django.conf import settings

    rates = {**settings.API_RATES, **dict.fromkeys(world.UNLIMITED, "")}
    with override_settings(API_RATES=rates, ALLOWED_HOSTS=["testserver"]):
        yield


def _alone(operation: Any) -> st.SearchStrategy[Any]:
    """Cases that pass the schemas, and some that do not."""
    modes = [GenerationMode.POSITIVE, GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
    return st.tuples(
        st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes]),
        st.sampled_from(WHO),
        st.integers(0, 9),
    )


def _strange(operation: Any) -> st.SearchStrategy[Any]:
    good = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    return good.flatmap(
        lambda case: st.tuples(
            st.just(case),
            odd.bodies(case.body) if isinstance(case.body, dict) else st.none(),
            st.sampled_from(odd.TEXTS),
            st.sampled_from(WHO[:4]),
        )
    )


def _try(strategy: st.SearchStrategy[Any], ask: Callable[..., None], *, examples: int, seed: int, name: str) -> None:
    @hypothesis.seed(zlib.crc32(f"{seed} {name}".encode()))
    @hypothesis.settings(
        max_examples=examples, database=None, deadline=None, phases=[Phase.generate], derandomize=False,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @hypothesis.given(strategy)
    def trying(given: Any) -> None:
        ask(*given)

    trying()
