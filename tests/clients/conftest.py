"""A client that talks to a server made of answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import httpx2
import pytest
from carillon_client import Client

Answer = Callable[[httpx2.Request], httpx2.Response] | httpx2.Response | Exception


class Server:
    """Gives its answers in order, the last again and again, and keeps the requests."""

    def __init__(self, answers: Iterable[Any]) -> None:
        self._answers = [*answers]
        self.requests: list[httpx2.Request] = []
        self.pauses: list[float] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer

    def client(self, **options: Any) -> Client:
        http = httpx2.Client(transport=httpx2.MockTransport(self))
        return Client("http://carillon", "ck_x", http=http, sleep=self.pauses.append, **options)


@pytest.fixture
def serving() -> Callable[..., Server]:
    """Makes a server of answers."""
    return lambda *answers: Server(answers)
