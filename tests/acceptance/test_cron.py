"""A cron job over REST, from its creation to what can be read of each run."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.support.http_server import HttpServer
from tests.support.stack import Stack, wait_for


def test_a_cron_job_calls_its_server_every_second_and_each_call_is_an_execution_of_its_own(
    carillon: Stack, web_site: HttpServer
) -> None:
    web_site.answer("/hook", status=200, headers={"Content-Type": "application/json"}, body=b'{"taken": true}')
    job = carillon.api.post("jobs", {
        "name": "every-second", "type": "http", "payload": {"method": "POST", "url": web_site.url("/hook")},
        "schedules": [{"kind": "cron", "expression": "* * * * * *"}],
    })  # fmt: skip
    wait_for(lambda: len(web_site.requests) >= 6, 90, "six calls")
    carillon.api.post(f"schedules/{job['schedules'][0]['id']}/pause")
    runs = wait_for(lambda: _all_ended(carillon, job["id"]), 90, "every execution has ended")

    assert {run["state"] for run in runs} == {"succeeded"}
    slots = [datetime.fromisoformat(run["scheduled_for"]) for run in runs]
    assert slots == [slots[0] - timedelta(seconds=place) for place in range(len(slots))]
    assert len(web_site.requests) == len(runs)
    assert {request.headers["idempotency-key"] for request in web_site.requests} == {run["id"] for run in runs}
    for run in runs:
        _can_be_read(carillon, run)


def _all_ended(carillon: Stack, job: str) -> list[dict[str, Any]]:
    runs = carillon.api.get("executions", job=job, limit=200)["data"]
    # Slots planned a few seconds ahead run although the schedule is paused meanwhile.
    return [] if any(run["finished_at"] is None for run in runs) else runs


def _can_be_read(carillon: Stack, run: dict[str, Any]) -> None:
    (attempt,) = carillon.api.get(f"executions/{run['id']}/attempts")["data"]
    assert (attempt["number"], attempt["state"], attempt["error"]) == (1, "succeeded", None)
    assert run["result"]["status"] == 200
    lines = carillon.api.get(f"executions/{run['id']}/logs")["data"]
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert any("200" in line["message"] for line in lines)
