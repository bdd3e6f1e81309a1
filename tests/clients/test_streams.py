"""The Python client's streams: each event once, over as many connections as it takes; and waiting."""

from __future__ import annotations

import json

import httpx2
import pytest
from carillon_client import errors


def sent(*events: tuple[str, str, dict], rest: str = "") -> httpx2.Response:
    text = "retry: 200\n\n" + "".join(
        f"event: {name}\nid: {identifier}\ndata: {json.dumps(data)}\n\n" for name, identifier, data in events
    )
    return httpx2.Response(200, text=text + rest, headers={"Content-Type": "text/event-stream"})


RUNNING = ("state", "1", {"state": "running"})
LINE = ("log", "2", {"message": "a"})
END = ("end", "3", {"execution": {"id": "x", "state": "succeeded"}})
FULL = httpx2.Response(503, json={"error": {"code": "UNAVAILABLE", "message": "full"}}, headers={"Retry-After": "5"})


def test_a_broken_stream_goes_on_after_the_last_whole_event(serving):
    server = serving(sent(RUNNING, rest="event: log\nid: 2\ndata: {"), httpx2.ConnectError("x"), sent(LINE, END))
    events = [*server.client().executions.stream("x")]
    assert [event.id for event in events] == ["1", "2", "3"]
    assert [request.headers.get("Last-Event-ID") for request in server.requests] == [None, "1", "1"]
    assert server.pauses[0] == 0.2


def test_comments_and_what_is_not_known_are_passed_over(serving):
    server = serving(sent(RUNNING, rest=": heartbeat\n\nfoo: bar\n\nevent: closed\ndata: {}\n\n"), sent(END))
    assert [event.name for event in server.client().executions.stream("x")] == ["state", "end"]


def test_a_server_without_room_is_asked_again_as_it_says(serving):
    server = serving(FULL, sent(END))
    assert [event.name for event in server.client().executions.stream("x")] == ["end"]
    assert server.pauses[0] >= 5


def test_what_is_refused_is_raised(serving):
    with pytest.raises(errors.NotFound):
        [*serving(httpx2.Response(404, json={})).client().executions.stream("x")]


def test_what_was_read_to_its_end_is_over(serving):
    assert [*serving(httpx2.Response(204)).client().executions.stream("x", after="3")] == []


def test_a_stream_may_take_only_so_long(serving):
    with pytest.raises(errors.TimedOut):
        [*serving(sent(RUNNING)).client().executions.stream("x", timeout=0.1)]


def test_waiting_follows_states_alone(serving):
    server = serving(sent(RUNNING, END))
    assert server.client().executions.wait("x")["state"] == "succeeded"
    assert server.requests[0].url.params["states_only"] == "true"


def test_waiting_asks_again_and_again_where_no_stream_is_to_be_had(serving):
    running, ended = (httpx2.Response(200, json={"id": "x", "state": state}) for state in ("running", "failed"))
    server = serving(FULL, running, running, ended)
    assert server.client().executions.wait("x")["state"] == "failed"
    assert [request.url.path.rpartition("/")[2] for request in server.requests] == ["stream", "x", "x", "x"]


def test_waiting_ends_in_time_and_says_what_it_saw(serving):
    server = serving(FULL, httpx2.Response(200, json={"id": "x", "state": "running"}))
    with pytest.raises(TimeoutError, match="running"):
        server.client().executions.wait("x", timeout=0.0)


def test_waiting_for_what_is_not_there_says_so(serving):
    with pytest.raises(errors.NotFound):
        serving(httpx2.Response(404, json={})).client().executions.wait("x")
