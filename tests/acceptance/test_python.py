"""Python jobs in the children of a real worker."""

from __future__ import annotations

from itertools import count
from typing import Any

from tests.acceptance import runs
from tests.support.stack import Stack, wait_for

_names = (f"python-{number}" for number in count())


def trigger(carillon: Stack, payload: dict[str, Any], **fields: Any) -> str:
    """Run a new job once; returns the execution's id."""
    name = next(_names)
    carillon.api.post("jobs", {"name": name, "type": "python", "payload": payload, **fields})
    return carillon.api.trigger(name)


def messages(carillon: Stack, execution: str) -> list[str]:
    return [line["message"] for line in carillon.api.get(f"executions/{execution}/logs")["data"]]


def test_items_run_in_threads_of_a_child_and_each_line_names_its_item(carillon: Stack) -> None:
    execution = trigger(carillon, {"callable": "tests.echo", "items": ["a", "b", "c"], "max_threads": 2})
    run = runs.wait_ended(carillon, execution, 90)
    assert run["state"] == "succeeded", carillon.logs()
    assert [entry["result"] for entry in run["result"]["results"]] == ["a", "b", "c"]
    said = messages(carillon, execution)
    assert {f"items[{place}]: given {item}" for place, item in enumerate("abc")} < set(said)
    assert "100% 3 of 3 items" in said


def test_cancel_ends_a_fan_out_in_the_midst_of_it(carillon: Stack) -> None:
    execution = trigger(carillon, {"callable": "tests.wait", "items": list(range(50)), "max_threads": 3})
    wait_for(lambda: len(messages(carillon, execution)) == 3, 90, "three items are under way")
    carillon.api.post(f"executions/{execution}/cancel")
    assert runs.wait_ended(carillon, execution, 90)["state"] == "cancelled"
    assert messages(carillon, execution).count("items[3]: waiting") == 0
    after = runs.wait_ended(carillon, trigger(carillon, {"callable": "tests.echo"}), 90)
    assert after["state"] == "succeeded", "the workers go on"


def test_callable_that_ends_its_process_is_a_crash_and_harms_no_neighbour(carillon: Stack) -> None:
    poison = trigger(carillon, {"callable": "tests.vanish"}, retry={"on_worker_lost": False})
    neighbours = [trigger(carillon, {"callable": "tests.echo", "kwargs": {"item": place}}) for place in range(10)]
    for neighbour in neighbours:
        assert runs.wait_ended(carillon, neighbour, 60)["state"] == "succeeded"
    run = runs.wait_ended(carillon, poison, 90)
    assert (run["state"], run["error"]["code"], run["crashes"]) == ("failed", "WORKER_LOST", 1)
    letters = carillon.api.get("dead-letters")["data"]
    assert poison in {letter["execution"] for letter in letters}


def test_demos_own_callable_counts(carillon: Stack) -> None:
    run = runs.wait_ended(carillon, trigger(carillon, {"callable": "demo.count_lines", "args": ["tenants"]}), 90)
    assert run["result"]["lines"] > 1000
