"""Requests and the redirects after them: what goes to which origin.

What may be a credential - headers of the payload, a log-in, cookies, the client's certificate - stays at the origin of the
first request. Once a redirect has led elsewhere nothing of it is sent any more, not even if the next one leads back.
"""

from __future__ import annotations

import secrets
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from http import HTTPStatus
from types import TracebackType
from typing import Self

import httpx2

from jobs.handlers import Context, HandlerError, PermanentFailure
from jobs.rules.codes import Failure
from tasks import egress, http_client
from tasks.http import tls
from tasks.http.params import MAX_HOPS, MAX_URL, HttpParams, known_url
from tasks.http_answer import Answer

#: What a request keeps when a redirect leads it to another origin; the rest may hold credentials.
HARMLESS_HEADERS = {"accept", "accept-language", "content-type"}
OUR_HEADERS = {"user-agent", "accept-encoding", "idempotency-key", "x-carillon-attempt", "traceparent"}

Read = Callable[[httpx2.Response], Answer]


class Exchange:
    """The calls of one attempt. Close it."""

    def __init__(self, params: HttpParams, context: Context) -> None:
        self.params = params
        self.context = context
        self._guard = egress.Guard(context.allowed_hosts)
        self._stack = ExitStack()
        self._clients: dict[bool, httpx2.Client] = {}
        self.call = http_client.Call(context)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def send(self, request: httpx2.Request, read: Read, *, follow: bool, at_home: bool = True) -> Answer:
        """The answer, after its redirects if they are to be followed."""
        for _ in range(MAX_HOPS + 1):
            self.context.log(f"{request.method} {shown(request.url)}")
            started = time.monotonic()
            response = self._client(at_home).send(request, stream=True)
            self.call.timings["first_byte"] = time.monotonic() - started
            try:
                if not (follow and response.has_redirect_location):
                    return read(response)
            finally:
                response.close()
            request, at_home = self._next(request, response, at_home)
        raise HandlerError(f"more than {MAX_HOPS} redirects", tags={"redirects"})

    def first(self, log_in: Mapping[str, str]) -> httpx2.Request:
        """The request that the payload asks for."""
        params, content = self.params, self.params.content()
        headers = httpx2.Headers(self._ours())
        headers.update(content.pop("headers", {}))
        headers.update(params.headers)
        headers.update(log_in)
        # A compressed answer could be a thousand times larger than the bytes that are counted.
        headers["Accept-Encoding"] = "identity"
        url = httpx2.URL(params.url).copy_merge_params(params.query) if params.query else httpx2.URL(params.url)
        if len(str(url)) > 2 * MAX_URL:
            message = f"payload.query: the URL has more than {2 * MAX_URL} characters with it"
            raise PermanentFailure(message, code=Failure.PAYLOAD_INVALID)
        return self._client(True).build_request(params.method, url, headers=headers, **content)

    def look(self, url: httpx2.URL, log_in: Mapping[str, str]) -> httpx2.Request:
        """A request for a status URL; it is the payload's own origin that is told who asks."""
        headers = httpx2.Headers(self._ours())
        given = httpx2.Headers(self.params.headers)
        given.pop("content-type", None)
        if not self.is_home(url):
            given = _harmless(given)
        else:
            headers.update(log_in)
        headers.update(given)
        headers["Accept-Encoding"] = "identity"
        return self._client(self.is_home(url)).build_request("GET", url, headers=headers)

    def is_home(self, url: httpx2.URL) -> bool:
        """Whether the URL has the origin of the payload's."""
        return origin(url) == origin(httpx2.URL(self.params.url))

    def _ours(self) -> dict[str, str]:
        return {
            "Accept": "*/*",
            "User-Agent": "Carillon",
            "Idempotency-Key": self.context.idempotency_key,
            "X-Carillon-Attempt": str(self.context.attempt),
            # One trace per execution, one span per attempt.
            "traceparent": f"00-{self.context.execution_id.hex}-{secrets.token_hex(8)}-01",
        }

    def _client(self, at_home: bool) -> httpx2.Client:
        if at_home not in self._clients:
            opened = http_client.open_client(
                self._guard, self.call, verify_tls=self.params.verify_tls, tls=self._tls(at_home)
            )
            self._clients[at_home] = self._stack.enter_context(opened)
        return self._clients[at_home]

    def _tls(self, at_home: bool) -> ssl.SSLContext | None:
        return tls.context(self.params.tls, verify=self.params.verify_tls, introduced=at_home)

    def _keep_secret(self, content: bytes) -> None:
        masking = self.context.masking()
        if masking.feed(content) + masking.close() != content:
            message = (
                "the server redirects a body with a secret in it to another origin, where it is not sent: "
                "call that origin yourself, or leave the secret out"
            )
            raise PermanentFailure(message, tags={"redirects"})

    def _next(self, request: httpx2.Request, response: httpx2.Response, at_home: bool) -> tuple[httpx2.Request, bool]:
        """The request that a redirect asks for, and whether it has still never left its first origin."""
        url = target(request.url, response.headers["Location"])
        method, content = request.method, request.content
        if response.status_code == HTTPStatus.SEE_OTHER or (method == "POST" and response.status_code in (301, 302)):
            method, content = ("HEAD" if method == "HEAD" else "GET"), b""
        headers = httpx2.Headers(
            [pair for pair in request.headers.multi_items() if pair[0] not in {"host", "content-length"}]
        )
        if origin(url) != origin(request.url):
            at_home, headers = False, _harmless(headers)
            self._keep_secret(content)
            self._client(at_home).cookies.clear()
        if not content:
            headers.pop("content-type", None)
        made = self._client(at_home).build_request(method, url, headers=headers, content=content or None)
        return made, at_home


def target(base: httpx2.URL, location: str) -> httpx2.URL:
    """Where a server's word leads to; UnsafeTarget if that is nowhere a call may go."""
    try:
        return httpx2.URL(known_url(str(base.join(location))))
    except (httpx2.InvalidURL, ValueError) as error:
        raise egress.UnsafeTarget(f"led to a URL that cannot be called: {error}") from None


def origin(url: httpx2.URL) -> tuple[str, str, int]:
    """Scheme, host and port."""
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


def shown(url: httpx2.URL) -> str:
    """The URL for a log: without the log-in, and with the names but not the values of its query."""
    port = f":{url.port}" if url.port else ""
    host = f"[{url.host}]" if ":" in url.host else url.host
    query = "&".join(f"{name}=…" for name, _ in url.params.multi_items())
    return f"{url.scheme}://{host}{port}{url.path}" + (f"?{query}" if query else "")


def _harmless(headers: httpx2.Headers) -> httpx2.Headers:
    return httpx2.Headers([pair for pair in headers.multi_items() if pair[0] in HARMLESS_HEADERS | OUR_HEADERS])
