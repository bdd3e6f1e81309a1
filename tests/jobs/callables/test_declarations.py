"""Decorators and classes say what may be called, and which jobs there shall be."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

import pytest

from jobs.callables import ScheduledJob, job_handler, registry, scheduled_job
from tests.support import callables as support
from tests.support.contexts import RecordingContext


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registry", {})


def declared(name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    job = registry.get(name).job
    assert job is not None
    return dict(job.fields), [dict(rule) for rule in job.schedules]


def test_decorated_function_stays_what_it_is():
    def function(a: int) -> int:
        """Doubles.

        Always.
        """
        return 2 * a

    assert job_handler(name="double")(function) is function
    entry = registry.get("double")
    assert (entry.description, entry.job, entry.function(4)) == ("Doubles.", None, 8)


def test_name_is_the_place_unless_one_is_given(monkeypatch):
    monkeypatch.delitem(sys.modules, support.NAME)
    registry.load([support.NAME])
    assert {f"{support.NAME}:answer", "tests.wait"} <= set(registry.registered())


def test_schedule_options_become_the_fields_of_a_job():
    @scheduled_job(
        ["0 2 * * *", timedelta(minutes=5), {"kind": "cron", "expression": "0 0 1 * *", "timezone": "UTC"}],
        name="settle", timezone="Europe/Berlin", retry={"max_attempts": 5}, timeout=timedelta(minutes=1), queue="slow",
    )  # fmt: skip
    def settle() -> None: ...

    assert declared("settle") == (
        {"retry": {"max_attempts": 5}, "timeout_seconds": 60, "queue": "slow"},
        [
            {"timezone": "Europe/Berlin", "kind": "cron", "expression": "0 2 * * *"},
            {"timezone": "Europe/Berlin", "kind": "interval", "interval_seconds": 300},
            {"timezone": "UTC", "kind": "cron", "expression": "0 0 1 * *"},
        ],
    )


def test_class_says_the_same_with_attributes_and_is_made_anew_for_each_call():
    class Nightly(ScheduledJob):
        """Writes the report."""

        name = "nightly"
        schedule = "0 2 * * *"
        category = "reporting"
        timeout = 90

        def __init__(self) -> None:
            self.calls: list[str] = []

        def run(self, context, region: str = "eu") -> Any:
            self.calls.append(region)
            return self.calls

    assert declared("nightly") == (
        {"category": "reporting", "timeout_seconds": 90},
        [{"kind": "cron", "expression": "0 2 * * *"}],
    )
    entry = registry.get("nightly")
    for _ in range(2):
        bound = entry.arguments.check([], {"region": "us"}).bound(RecordingContext())
        assert entry.function(*bound.args, **bound.kwargs) == ["us"]
    assert entry.description == "Writes the report."


def test_base_without_run_is_nothing_and_its_attributes_are_shared():
    class Reporting(ScheduledJob):
        category = "reporting"

    class Weekly(Reporting):
        name = "weekly"
        schedule = "0 0 * * 1"

        def run(self) -> None: ...

    class Unscheduled(Reporting):
        name = "unscheduled"

        def run(self) -> None: ...

    del Unscheduled, Weekly
    jobs = {name: bool(entry.job) for name, entry in registry.registered().items()}
    assert jobs == {"weekly": True, "unscheduled": False}
    assert declared("weekly")[0] == {"category": "reporting"}


def test_what_cannot_be_meant_stops_the_start():
    with pytest.raises(RuntimeError, match="give it a name"):
        job_handler(lambda: None)
    with pytest.raises(RuntimeError, match="timezon: unknown"):
        scheduled_job("* * * * *", name="a", timezon="UTC")(support.answer)  # type: ignore[call-arg]
    with pytest.raises(RuntimeError, match="whole seconds"):
        scheduled_job(timedelta(seconds=1.5), name="a")(support.answer)
    with pytest.raises(RuntimeError, match="no function"):
        job_handler(name="a")(len)


def test_name_that_means_two_things_stops_the_start():
    job_handler(name="a")(support.answer)
    job_handler(name="a")(support.answer)
    with pytest.raises(RuntimeError, match="rename one"):
        job_handler(name="a")(support.orders)


def test_module_that_cannot_be_imported_is_named():
    with pytest.raises(RuntimeError, match=r"CARILLON_CALLABLES: no\.such\.module"):
        registry.load(["no.such.module"])


def test_callable_no_job_could_call_is_named():
    @job_handler(name="odd")
    def odd(value: registry.Registered) -> None: ...

    with pytest.raises(RuntimeError, match="callable odd: "):
        registry.load([])


@pytest.mark.parametrize(
    ("patterns", "allowed"),
    [
        ([], False),
        (["*"], True),
        (["shop.jobs:*"], True),
        (["shop.jobs:settle"], True),
        (["shop.jobs:settl"], False),
        (["SHOP.*"], False),
        (["other", "*settle"], True),
    ],
)
def test_tenants_list_is_of_whole_names_with_stars(patterns, allowed):
    assert registry.allows(patterns, "shop.jobs:settle") is allowed
