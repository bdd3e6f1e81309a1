"""A secret's way from the web process to a worker, which uses it; and it is in nobody's output, broker or table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import redis

from tests.acceptance import runs
from tests.support.http_server import HttpServer
from tests.support.stack import Stack

CANARY = "canary-acce97-token"


def _tested(carillon: Stack, name: str) -> Any:
    run = runs.wait_ended(carillon, carillon.api.post(f"secrets/{name}/test")["id"], 60)
    assert run["state"] == "succeeded", (run, carillon.logs())
    return run


def _broker(carillon: Stack) -> str:
    with redis.Redis.from_url(carillon.valkey.url()) as client:
        return str([client.dump(key) for key in client.scan_iter()])


def test_a_connection_is_tested_by_a_worker_with_the_value_in_force(carillon: Stack, web_site: HttpServer) -> None:
    value = {"base_url": web_site.url("/v1"), "token": CANARY}
    carillon.api.post("secrets", {"name": "shop", "kind": "http_bearer", "value": value})
    run = _tested(carillon, "shop")
    assert (run["result"]["ok"], run["result"]["logged_in"], run["result"]["status"]) == (True, True, 200)
    assert web_site.requests[0].headers["authorization"] == f"Bearer {CANARY}"

    web_site.answer("/v1", status=401)
    carillon.api.send("PATCH", "secrets/shop", {"value": {**value, "token": "a second value"}})
    run = _tested(carillon, "shop")
    assert (run["result"]["ok"], run["result"]["step"]) == (False, "log_in")
    assert web_site.requests[-1].headers["authorization"] == "Bearer a second value"
    assert carillon.api.get("secrets/shop")["last_used_at"] is not None

    carillon.api.post("jobs", {"name": "watch", "type": "connection_test", "payload": {"connection": "shop"}})
    soon = carillon.value("SELECT clock_timestamp() + interval '2 seconds'").isoformat()
    asked = carillon.api.trigger("watch", run_at=soon)
    assert carillon.api.send("DELETE", "secrets/shop").status_code == 409
    assert carillon.api.send("DELETE", "secrets/shop", force="true").status_code == 204
    refused = carillon.api.send("POST", "jobs/watch/trigger", {})
    assert (refused.status_code, [*refused.json()["error"]["details"]]) == (422, ["payload.connection"])
    run = runs.wait_ended(carillon, asked, 60)
    assert (run["state"], run["error"]["code"]) == ("failed", "CONFIG_INVALID")
    assert "no secret named shop" in run["error"]["message"]

    assert CANARY not in _broker(carillon)
    tables = carillon.query(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
    )
    for (table,) in tables:
        assert CANARY not in str(carillon.query(f"SELECT t::text FROM {table} t")), table
    output = "".join(path.read_text(errors="replace") for path in Path(carillon.folder).rglob("*") if path.is_file())
    assert CANARY not in output
