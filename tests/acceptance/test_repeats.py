"""Requests that are sent again, to a real web process: at the same time, and after it was killed with the answer in its hands."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import httpx2
import pytest

from tests.chaos import recognisers
from tests.chaos.proxy import Loop, Proxy
from tests.support.stack import Stack, wait_for
from tests.support.threads import together


def post(carillon: Stack, key: str, body: Any) -> httpx2.Response:
    headers = {"X-API-Key": carillon.key, "Idempotency-Key": key}
    return httpx2.post(f"{carillon.url}/api/v1/jobs", json=body, headers=headers, timeout=30)


def dummy() -> dict[str, str]:
    return {"name": f"once-{uuid4().hex}", "type": "dummy"}


def test_fifty_at_once_with_one_key_are_one_job_and_fifty_equal_answers(carillon: Stack) -> None:
    key, body = uuid4().hex, dummy()
    answers = together([lambda: post(carillon, key, body)] * 50)
    assert {answer.status_code for answer in answers} == {201}, [answer.text for answer in answers]
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 49
    assert carillon.value("SELECT count(*) FROM job WHERE name = %s", body["name"]) == 1


class KillsAtCommit(recognisers.Postgres):
    """Of the connection that took a key: kills when PostgreSQL says that it has committed, before anybody hears it."""

    victim = 0
    killed = threading.Event()

    def __init__(self) -> None:
        super().__init__()
        self._took_a_key = False

    def _ask(self, text: bytes) -> None:
        super()._ask(text)
        self._took_a_key = self._took_a_key or b"INSERT INTO reservation" in text

    def answering(self, data: bytes) -> str | None:
        kind = super().answering(data)
        if kind == "commit" and self._took_a_key and not self.killed.is_set():
            self.killed.set()
            os.kill(self.victim, signal.SIGKILL)
        return kind


@pytest.fixture
def killed_at_commit(carillon: Stack) -> Iterator[Stack]:
    """A web process that will not live to hear of its next keyed request's commit."""
    loop, told = Loop(), carillon.environment("web")["DATABASE_URL"]
    parts = urlsplit(told)
    proxy = loop.add(Proxy("postgres web", parts.port or 0, KillsAtCommit))
    elsewhere = parts._replace(netloc=parts.netloc.replace(f":{parts.port}", f":{proxy.port}"))
    carillon.configure("web", environment={"DATABASE_URL": urlunsplit(elsewhere)})
    try:
        carillon.restart("web")
        KillsAtCommit.victim = carillon.the("web").pid
        yield carillon
    finally:
        carillon.configure("web", environment={"DATABASE_URL": told})
        loop.close()
    for member in carillon.members("web"):
        member.end(signal.SIGKILL)


def test_what_was_committed_and_never_told_is_told_to_the_repetition(killed_at_commit: Stack) -> None:
    carillon, key, body = killed_at_commit, uuid4().hex, dummy()
    with pytest.raises(httpx2.HTTPError):
        post(carillon, key, body)
    assert KillsAtCommit.killed.is_set()
    wait_for(lambda: not carillon.members("web"), 60, "the web process is dead")
    stored = carillon.query("SELECT id FROM job WHERE name = %s", body["name"])
    assert len(stored) == 1, "it was killed before the commit, not after"
    (kept,) = carillon.query("SELECT body FROM reservation WHERE key = %s", key)
    carillon.start("web")
    answer = post(carillon, key, body)
    assert (answer.status_code, answer.headers["Idempotent-Replayed"]) == (201, "true")
    assert (answer.content, answer.json()["id"]) == (bytes(kept.body), str(stored[0].id))
    assert carillon.value("SELECT count(*) FROM job WHERE name = %s", body["name"]) == 1


def raw(carillon: Stack, *lines: str, body: bytes, hang_up: bool = False) -> int:
    """The status of the first answer to bytes as they are; 0 for none."""
    place = urlsplit(carillon.url)
    head = ["POST /api/v1/jobs HTTP/1.1", f"Host: {place.netloc}", f"X-API-Key: {carillon.key}",
            "Content-Type: application/json", "Connection: close", *lines]  # fmt: skip
    with socket.create_connection((place.hostname or "", place.port or 0), timeout=60) as connection:
        connection.sendall("\r\n".join([*head, "", ""]).encode() + body)
        if hang_up:
            connection.shutdown(socket.SHUT_WR)
        sent = b""
        with contextlib.suppress(ConnectionError):
            while part := connection.recv(65536):
                sent += part
    return int(sent.split(maxsplit=2)[1]) if sent else 0


def test_a_body_shorter_or_longer_than_was_said_makes_nothing(carillon: Stack) -> None:
    # Of what is too long the beginning is taken, which is no JSON; of what is too short the rest never comes.
    for difference, expected in ((-3, 400), (3, 0)):
        wanted = dummy()
        body = json.dumps(wanted).encode()
        said = f"Content-Length: {len(body) + difference}"
        assert raw(carillon, said, body=body, hang_up=difference > 0) == expected
        assert carillon.value("SELECT count(*) FROM job WHERE name = %s", wanted["name"]) == 0


def test_a_body_in_chunks_is_the_body(carillon: Stack) -> None:
    wanted = dummy()
    body = json.dumps(wanted).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:])) + b"0\r\n\r\n"
    assert raw(carillon, "Transfer-Encoding: chunked", body=chunks) == 201
    assert carillon.value("SELECT count(*) FROM job WHERE name = %s", wanted["name"]) == 1
