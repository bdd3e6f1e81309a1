"""Live streams and the Python client against real processes, while web comes and goes."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from carillon_client import Client, Event, errors

from tests.support.patience import slowness
from tests.support.stack import Stack, wait_for

TICKS = "for i in 1 2 3 4 5 6 7 8; do echo tick $i; sleep 0.4; done; echo '::result {\"ticks\": 8}'"


@pytest.fixture
def client(carillon: Stack) -> Iterator[Client]:
    with Client(carillon.url, carillon.key) as made:
        yield made


def script(client: Client, name: str, text: str, **more: Any) -> str:
    """Runs a job made for this; returns the execution's id."""
    client.jobs.create(name=name, type="script", payload={"interpreter": "sh", "script": text}, **more)
    return client.jobs.trigger(name)["id"]


class Listener(threading.Thread):
    """Collects a stream's events, with when each came."""

    def __init__(self, stream: Iterator[Event]) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self.events: list[Event] = []
        self.came: list[float] = []
        self.error: errors.CarillonError | None = None
        self.start()

    def run(self) -> None:
        try:
            for event in self._stream:
                self.events.append(event)
                self.came.append(time.time())
        except errors.CarillonError as error:
            self.error = error

    def wait_for(self, condition: Callable[[Event], bool]) -> None:
        wait_for(lambda: any(condition(event) for event in self.events), 90, "the stream tells of it")

    def finish(self) -> list[Event]:
        self.join(120)
        assert not self.is_alive(), "the stream has not ended"
        return self.events


def is_tick(number: int) -> Callable[[Event], bool]:
    return lambda event: event.data.get("message") == f"tick {number}"


def test_a_stream_and_a_wait_go_on_while_web_is_replaced_restarted_and_killed(carillon: Stack, client: Client) -> None:
    run = script(client, "streamed", TICKS)
    broken = Listener(client.executions.stream(run))
    waited: list[Any] = []
    waiter = threading.Thread(target=lambda: waited.append(client.executions.wait(run, timeout=300)))
    waiter.start()
    broken.wait_for(is_tick(2))
    carillon.replace("web")
    broken.wait_for(is_tick(4))
    carillon.kill("web")
    carillon.start("web")
    events = broken.finish()
    waiter.join(120)
    assert [each["state"] for each in waited] == ["succeeded"]
    whole = [*client.executions.stream(run)]
    assert events == whole
    assert [event.data["state"] for event in whole if event.name == "state"] == [
        "scheduled", "pending", "queued", "running", "succeeded",
    ]  # fmt: skip
    lines = [event.data["message"] for event in whole if event.name == "log"]
    assert [line for line in lines if line.startswith("tick")] == [f"tick {number}" for number in range(1, 9)]
    assert whole[-1].data["execution"]["result"] == {"ticks": 8}
    assert [*client.executions.stream(run, after=whole[-1].id)] == []


def test_web_ends_at_once_though_streams_are_open(carillon: Stack, client: Client) -> None:
    # It would wait so long for other requests: a busy machine is told from one that waits.
    carillon.configure("web", **{"timeout-graceful-shutdown": "600"})
    carillon.restart("web")
    run = script(client, "held-open", "sleep 60")
    listener = Listener(client.executions.stream(run))
    listener.wait_for(lambda event: event.data.get("state") == "running")
    began = time.monotonic()
    carillon.the("web").end(signal.SIGTERM)
    assert time.monotonic() - began < 30 * slowness(), "it waited for its streams"
    carillon.configure("web", **{"timeout-graceful-shutdown": "5"})
    carillon.start("web")
    client.executions.cancel(run)
    assert listener.finish()[-1].data["execution"]["state"] == "cancelled"


def test_new_lines_are_seen_within_a_second(carillon: Stack, client: Client) -> None:
    run = script(client, "timely", "for i in 1 2 3 4 5; do date +%s.%N; sleep 0.5; done")
    listener = Listener(client.executions.stream(run))
    listener.finish()
    late = [
        came - float(event.data["message"])
        for event, came in zip(listener.events, listener.came, strict=True)
        if event.name == "log" and event.data["stream"] == "stdout"
    ]
    assert len(late) == 5
    # A machine that does other things beside is slower than the promise; the median shows what it is.
    assert sorted(late)[2] < 1.0 * slowness(), late


def test_a_revoked_key_ends_its_stream_within_seconds(carillon: Stack, client: Client) -> None:
    run = script(client, "watched", "sleep 60")
    made = carillon.api.post("api-keys", {"name": "watcher", "scopes": ["executions:read", "logs:read"]})
    with Client(carillon.url, made["key"]) as watcher:
        listener = Listener(watcher.executions.stream(run))
        listener.wait_for(lambda event: event.data.get("state") == "running")
        carillon.api.send("DELETE", f"api-keys/{made['id']}")
        began = time.monotonic()
        listener.finish()
        assert time.monotonic() - began < 10 * slowness()
        assert isinstance(listener.error, errors.Unauthenticated)
    client.executions.cancel(run)


def test_the_client_waits_out_a_limit(carillon: Stack, client: Client) -> None:
    made = carillon.api.post("api-keys", {"name": "hasty", "scopes": ["jobs:read"]})
    pauses: list[float] = []

    def lifted(seconds: float) -> None:
        """Whatever it is told to wait: meanwhile the limit has gone."""
        pauses.append(seconds)
        carillon.query("UPDATE tenant SET api_rate_limit = '' WHERE slug = 'local'")
        wait_for(lambda: carillon.api.send("GET", "me").status_code == 200, 60, "others are let in again")

    carillon.query("UPDATE tenant SET api_rate_limit = '3/m' WHERE slug = 'local'")
    try:
        with Client(carillon.url, made["key"], sleep=lifted) as hasty:
            # Redis that is slow for a moment, on a busy machine, lets somebody through uncounted.
            wait_for(lambda: hasty.lookups.me() and pauses, 60, "it is told to wait")
    finally:
        carillon.query("UPDATE tenant SET api_rate_limit = '' WHERE slug = 'local'")
    assert pauses[0] > 1
