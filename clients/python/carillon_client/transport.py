"""Requests and answers: tried again where that may help, and never done twice."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx2

from carillon_client import errors

BASE = "/api/v1/"
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 10.0
#: Answers after which the same request may be let in.
PASSING = {429, 502, 503, 504}

Query = Mapping[str, Any]


class Transport:
    """Speaks JSON with one key over kept connections, from any thread."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        tenant: str | None = None,
        timeout: float = 30.0,
        patience: float = 60.0,
        http: httpx2.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = http or httpx2.Client()
        self._url = url.rstrip("/") + BASE
        self._headers = {"X-API-Key": key, "User-Agent": "carillon-client/0.1"}
        self._tenant = {"tenant": tenant} if tenant else {}
        self._timeout = timeout
        self._patience = patience
        self.sleep = sleep

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(
        self, method: str, path: str, *, body: Any = None, query: Query | None = None, if_match: str | None = None
    ) -> Any:
        """The answer's JSON; None if it has none."""
        return _json(self.answer(method, path, body=body, query=query, if_match=if_match))

    def answer(
        self, method: str, path: str, *, body: Any = None, query: Query | None = None, if_match: str | None = None
    ) -> httpx2.Response:
        """A good answer, however often it takes to ask; raises what was refused."""
        headers = {**self._headers, **({"If-Match": if_match} if if_match else {})}
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid4())  # the same however often it is sent
        until = time.monotonic() + self._patience
        for tries in _count():
            try:
                response = self._http.request(
                    method, self._url + path, json=body, params=self._query(query), headers=headers, timeout=self._timeout
                )  # fmt: skip
            except httpx2.TransportError as error:
                self._pause(tries, until, errors.NoAnswer(f"{method} {path}: {error or type(error).__name__}"), error)
                continue
            if response.is_success or (method == "DELETE" and tries and response.status_code == 404):
                return response
            refusal = _refusal(response)
            if response.status_code not in PASSING and not isinstance(refusal, errors.IdempotencyInProgress):
                raise refusal
            self._pause(tries, until, refusal)
        raise AssertionError("counting never ends")

    @contextmanager
    def opened(self, path: str, *, query: Query, last_id: str, quiet: float) -> Iterator[httpx2.Response]:
        """One stream of events, that is said to be broken after ``quiet`` seconds without a sign; tried once."""
        headers = {**self._headers, "Accept": "text/event-stream", **({"Last-Event-ID": last_id} if last_id else {})}
        timeout = httpx2.Timeout(self._timeout, read=quiet)
        with self._http.stream(
            "GET", self._url + path, params=self._query(query), headers=headers, timeout=timeout
        ) as response:
            if not response.is_success:
                response.read()
                raise _refusal(response)
            yield response

    def pages(self, path: str, query: Query) -> Iterator[Any]:
        """Every row of a list, page by page."""
        cursor: dict[str, Any] = {}
        while True:
            page = self.send("GET", path, query={**query, **cursor})
            yield from page["data"]
            if page["next_cursor"] is None:
                return
            cursor = {"cursor": page["next_cursor"]}

    def _query(self, query: Query | None) -> dict[str, Any]:
        given = {**self._tenant, **(query or {})}
        return {name: _text(value) for name, value in given.items() if value is not None}

    def _pause(self, tries: int, until: float, last: errors.CarillonError, cause: Exception | None = None) -> None:
        seconds = pause(tries, last.retry_after)
        if time.monotonic() + seconds > until:
            raise last from cause
        self.sleep(seconds)


def pause(tries: int, retry_after: float | None = None) -> float:
    """Seconds before the next try: what the server says, or longer each time; never all clients at once."""
    grown = min(FIRST_PAUSE * 2 ** min(tries, 10), LONGEST_PAUSE)
    spread: float = random.uniform(0.5, 1.0) * grown  # noqa: S311 - spreads load, keeps no secret
    return spread if retry_after is None else retry_after + random.uniform(0, 0.1)  # noqa: S311 - as above


def quoted(name: str) -> str:
    """A name as one part of a path."""
    return quote(name, safe="")


def _count() -> Iterator[int]:
    tries = 0
    while True:
        yield tries
        tries += 1


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return [_text(each) for each in value] if isinstance(value, list | tuple | set | frozenset) else value


def _json(response: httpx2.Response) -> Any:
    return response.json() if response.content else None


def _refusal(response: httpx2.Response) -> errors.CarillonError:
    try:
        body = response.json()
    except ValueError:
        body = None
    return errors.made(
        response.status_code,
        body,
        request_id=response.headers.get("X-Request-Id", ""),
        retry_after=_seconds(response.headers.get("Retry-After")),
    )


def _seconds(header: str | None) -> float | None:
    try:
        return float(header) if header else None
    except ValueError:
        return None
