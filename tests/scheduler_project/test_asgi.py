"""The web process's handler: middleware and view in one thread, in one go; streams by the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.core.signals import request_finished
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import path

from scheduler_project.asgi import Handler
from tenants.api.event_streams import EventStream

seen: list[tuple[str, threading.Thread]] = []


class Noting:
    """A middleware that tells in which thread it was before and after the view."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        seen.append(("before", threading.current_thread()))
        response = self.get_response(request)
        seen.append(("after", threading.current_thread()))
        return response


def plain(request: HttpRequest) -> HttpResponse:
    seen.append(("view", threading.current_thread()))
    return HttpResponse(request.body)


def streamed(request: HttpRequest) -> StreamingHttpResponse:
    async def parts() -> AsyncIterator[bytes]:
        for number in range(3):
            seen.append(("part", threading.current_thread()))
            yield str(number).encode()

    return StreamingHttpResponse(parts())


class Source:
    def known(self) -> bytes:
        return b""

    async def parts(self) -> AsyncIterator[bytes]:
        seen[0][1].join(60)  # the request's, if it has been let go
        seen.append(("alive" if seen[0][1].is_alive() else "gone", threading.current_thread()))
        yield b"one"


def live(request: HttpRequest) -> EventStream:
    seen.append(("view", threading.current_thread()))
    return EventStream(Source())


def broken(request: HttpRequest) -> HttpResponse:
    raise KeyError("of the view")


urlpatterns = [path("plain", plain), path("live", live), path("streamed", streamed), path("broken", broken)]


@pytest.fixture(autouse=True)
def ours():
    seen.clear()
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[f"{__name__}.Noting"], ALLOWED_HOSTS=["*"]):
        yield


def answer(where: str, body: bytes = b"") -> tuple[int, list[bytes]]:
    """Status and chunks."""

    async def asked() -> tuple[int, list[bytes]]:
        scope = {"type": "http", "method": "POST", "path": where, "query_string": b"", "headers": [(b"host", b"x")]}
        talk = ApplicationCommunicator(Handler(), {**scope, "http_version": "1.1", "scheme": "http"})
        await talk.send_input({"type": "http.request", "body": body})
        status = (await talk.receive_output(5))["status"]
        chunks = []
        while (part := await talk.receive_output(5)).get("more_body"):
            chunks.append(part["body"])
        await talk.wait()
        return status, [each for each in (*chunks, part.get("body", b"")) if each]

    return asyncio.run(asked())


def test_middleware_and_view_share_one_thread_that_is_not_the_loops():
    assert answer("/plain", b"as it was sent") == (200, [b"as it was sent"])
    assert [what for what, _ in seen] == ["before", "view", "after"]
    (thread,) = {thread for _, thread in seen}
    assert thread is not threading.current_thread()


def test_a_stream_is_the_event_loops():
    assert answer("/streamed") == (200, [b"0", b"1", b"2"])
    assert {thread for what, thread in seen if what == "part"} == {threading.current_thread()}


def test_a_stream_of_events_is_sent_when_its_request_is_over():
    finished: list[bool] = []
    request_finished.connect(lambda **_: finished.append(len(seen) == 3), weak=False, dispatch_uid="test")
    try:
        assert answer("/live") == (200, [b"one"])
    finally:
        request_finished.disconnect(dispatch_uid="test")
    assert finished == [True]
    assert [what for what, _ in seen] == ["before", "view", "after", "gone"]
    assert seen[-1][1] is threading.current_thread()


def test_an_error_of_a_view_is_an_answer():
    status, _ = answer("/broken")
    assert status == 500
    assert [what for what, _ in seen] == ["before", "after"]
