"""The ``http`` job type: one HTTP call, judged by its status.

Every connection, those after redirects included, passes the egress guard. The call as a whole
ends at the attempt's deadline; of the answer at most 1 MiB is read and 16 KiB is kept.
"""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Annotated, Any, ClassVar, Literal, Self

import httpx2
from pydantic import AfterValidator, Field, model_validator

from jobs.handlers import Context, Handler, HandlerError, Json, Params, RetryLater
from jobs.rules.codes import Failure
from tasks import egress, http_answer, http_client

MAX_HOPS = 5
LONGEST_RETRY_AFTER = timedelta(days=1)
#: What a request keeps when a redirect leads it to another origin; the rest may hold credentials.
HARMLESS_HEADERS = {"accept", "accept-language", "content-type"}
#: Set by the client from the body and the connection; a second opinion would desynchronise the two sides.
FRAMING_HEADERS = {"connection", "content-length", "transfer-encoding", "upgrade"}


def _known_url(text: str) -> str:
    try:
        url = httpx2.URL(text)
    except httpx2.InvalidURL as error:
        raise ValueError(f"not a URL: {error}") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("must begin with http:// or https:// and name a host")
    if url.port is not None and not 0 < url.port < 65536:
        raise ValueError("has no valid port after its colon")
    return text


def _not_framing(name: str) -> str:
    if name.lower() in FRAMING_HEADERS:
        raise ValueError(f"{name} is set by the client itself: leave it out")
    return name


Url = Annotated[str, Field(max_length=8192), AfterValidator(_known_url)]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"), AfterValidator(_not_framing)]
HeaderValue = Annotated[str, Field(pattern=r"^([\x21-\x7e]([\t\x20-\x7e]*[\x21-\x7e])?)?$", max_length=8192)]
Scalar = str | int | float | bool
Status = Annotated[int, Field(ge=100, le=599)]
StatusRange = Annotated[str, Field(pattern=r"^[1-5][0-9]{2}(-[1-5][0-9]{2})?$")]


class HttpParams(Params):
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    url: Url
    headers: dict[HeaderName, HeaderValue] = Field(default={}, description="Sent as they are, before our own.")
    query: dict[str, Scalar | list[Scalar]] = Field(default={}, description="Added to the URL's own query.")
    body: Json = Field(default=None, description="A string is sent as text, anything else as JSON.")
    form: dict[str, Scalar | list[Scalar]] | None = Field(
        default=None, description="Sent URL-encoded, instead of a body."
    )
    expected_status: Status | StatusRange | list[Status | StatusRange] = Field(
        default="200-299",
        description="A status, a range such as 200-299, or a list of both. Any other fails the attempt.",
    )
    follow_redirects: bool = Field(default=False, description=f"At most {MAX_HOPS} hops, each checked like the first.")
    verify_tls: bool = Field(default=True, description="False accepts any certificate.")

    @model_validator(mode="after")
    def _one_content(self) -> Self:
        if self.form is not None and self.body is not None:
            raise ValueError("form and body exclude each other: send one of them")
        return self

    def expects(self, status: int) -> bool:
        wanted = self.expected_status if isinstance(self.expected_status, list) else [self.expected_status]
        for entry in wanted:
            first, _, last = str(entry).partition("-")
            if int(first) <= status <= int(last or first):
                return True
        return False

    def content(self) -> dict[str, Any]:
        """The body in the client's terms."""
        if self.form is not None:
            return {"data": self.form}
        if self.body is None:
            return {}
        if isinstance(self.body, str):
            return {"content": self.body.encode(), "headers": {"Content-Type": "text/plain; charset=utf-8"}}
        return {"json": self.body}


class Http(Handler[HttpParams]):
    job_type = "http"
    title = "HTTP call"
    description = "Calls a URL; fails unless the answer has an expected status."
    params = HttpParams
    threaded = True
    inputs = frozenset({"query", "body", "form"})
    example: ClassVar[dict[str, Json]] = {
        "method": "POST",
        "url": "https://example.com/hooks/nightly",
        "headers": {"Accept": "application/json"},
        "body": {"report": "daily"},
    }

    def run(self, params: HttpParams, context: Context) -> Json:
        started = time.monotonic()
        call = http_client.Call(context)
        guard = egress.Guard(context.allowed_hosts)
        try:
            with http_client.open_client(guard, call, verify_tls=params.verify_tls) as client:
                answer = _exchange(client, params, context)
        except httpx2.TransportError as error:
            raise _broken(error, call) from error
        seconds = time.monotonic() - started
        result = answer.result(connect_seconds=call.connect_seconds, total_seconds=seconds)
        context.log(f"answer {answer.line}, {answer.size} bytes in {seconds * 1000:.0f} ms")
        if not params.expects(answer.status):
            raise _unexpected(answer, result)
        return result


def _exchange(client: httpx2.Client, params: HttpParams, context: Context) -> http_answer.Answer:
    """Send the request, and follow its redirects if asked to."""
    request = _first_request(client, params, context)
    for _ in range(MAX_HOPS + 1):
        context.log(f"{request.method} {shown(request.url)}")
        response = client.send(request, stream=True)
        try:
            if not (params.follow_redirects and response.has_redirect_location):
                return http_answer.read(response)
        finally:
            response.close()
        request = _next_request(client, request, response)
    raise HandlerError(f"more than {MAX_HOPS} redirects", tags={"redirects"})


def _first_request(client: httpx2.Client, params: HttpParams, context: Context) -> httpx2.Request:
    content = params.content()
    headers = httpx2.Headers(
        {
            "User-Agent": "Carillon",
            "Idempotency-Key": context.idempotency_key,
            "X-Carillon-Attempt": str(context.attempt),
            # One trace per execution, one span per attempt.
            "traceparent": f"00-{context.execution_id.hex}-{secrets.token_hex(8)}-01",
        }
    )
    headers.update(content.pop("headers", {}))
    headers.update(params.headers)
    # A compressed answer could be a thousand times larger than the bytes that are counted.
    headers["Accept-Encoding"] = "identity"
    url = httpx2.URL(params.url).copy_merge_params(params.query) if params.query else httpx2.URL(params.url)
    return client.build_request(params.method, url, headers=headers, **content)


def _next_request(client: httpx2.Client, request: httpx2.Request, response: httpx2.Response) -> httpx2.Request:
    """The request a redirect asks for. Another origin gets no cookies and no header that may hold a credential."""
    try:
        url = httpx2.URL(_known_url(str(request.url.join(response.headers["Location"]))))
    except (httpx2.InvalidURL, ValueError) as error:
        raise egress.UnsafeTarget(f"redirected to a URL that cannot be called: {error}") from None
    method, content = request.method, request.content
    if response.status_code == HTTPStatus.SEE_OTHER or (method == "POST" and response.status_code in (301, 302)):
        method, content = ("HEAD" if method == "HEAD" else "GET"), b""
    headers = httpx2.Headers(
        [pair for pair in request.headers.multi_items() if pair[0] not in {"host", "content-length"}]
    )
    if _origin(url) != _origin(request.url):
        client.cookies.clear()
        own = {"user-agent", "accept-encoding", "idempotency-key", "x-carillon-attempt", "traceparent"}
        headers = httpx2.Headers([pair for pair in headers.multi_items() if pair[0] in HARMLESS_HEADERS | own])
    if not content:
        headers.pop("content-type", None)
    return client.build_request(method, url, headers=headers, content=content or None)


def _origin(url: httpx2.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


def shown(url: httpx2.URL) -> str:
    """The URL for a log: without the log-in, and with the names but not the values of its query."""
    port = f":{url.port}" if url.port else ""
    host = f"[{url.host}]" if ":" in url.host else url.host
    query = "&".join(f"{name}=…" for name, _ in url.params.multi_items())
    return f"{url.scheme}://{host}{port}{url.path}" + (f"?{query}" if query else "")


def _broken(error: httpx2.TransportError, call: http_client.Call) -> HandlerError:
    if isinstance(error, httpx2.ReadTimeout | httpx2.WriteTimeout) or time.monotonic() >= call.deadline:
        return HandlerError("no complete answer within the attempt's time", code=Failure.TIMEOUT, tags={"timeout"})
    return HandlerError(f"the call failed: {error or type(error).__name__}", tags={"connection"})


def _unexpected(answer: http_answer.Answer, result: Json) -> HandlerError:
    message = f"unexpected status {answer.line}"
    tags = {f"http:{answer.status}", f"http:{answer.status // 100}xx"}
    delay = _retry_after(answer) if answer.status in (429, 503) else None
    if delay is None:
        return HandlerError(message, tags=tags, result=result)
    message = f"{message}, to be retried after {delay.total_seconds():g} s"
    return RetryLater(message, delay=delay, tags=tags, result=result)


def _retry_after(answer: http_answer.Answer) -> timedelta | None:
    """The header's seconds or date as a length between nothing and one day; None when it says neither."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=min(int(text[:9]), 10**8)), LONGEST_RETRY_AFTER)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(at - datetime.now(UTC), timedelta()), LONGEST_RETRY_AFTER)
