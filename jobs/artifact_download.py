"""An artifact as an answer over HTTP: saved, never shown, whatever the tenant says that it is.

It comes from our own address, so nothing in it may act as ours: it is an attachment, of a type that no browser runs,
which none may guess anew, and in a sandbox if one shows it all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO

from django.http import HttpResponse, HttpResponseBase
from django.utils import timezone
from django.utils.http import content_disposition_header

from jobs import artifacts, errors
from jobs.models import Artifact, ArtifactState
from jobs.rules import ranges
from jobs.rules.artifacts import shown_type
from jobs.rules.ranges import Span
from tenants import errors as edge
from tenants.api.streaming import Download

CHUNK = 256 * 1024
POLICY = "sandbox; default-src 'none'; frame-ancestors 'none'"


class Parts(Iterator[bytes]):
    """The bytes of a span, part by part; closed by who sends them, also when nobody reads on."""

    def __init__(self, open_: Callable[[], BinaryIO], span: Span) -> None:
        self._open, self._start, self._left = open_, span.start, span.length
        self._file: BinaryIO | None = None

    def __next__(self) -> bytes:
        if self._file is None:  # not before somebody reads: an answer that is never begun is never closed
            self._file = self._open()
            self._file.seek(self._start)
        part = self._file.read(min(CHUNK, self._left))
        if not part:
            raise StopIteration
        self._left -= len(part)
        return part

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()


def answer(artifact: Artifact, headers: Mapping[str, str]) -> HttpResponseBase:
    """Its bytes, or those a request's headers ask for; 304 to who has them, 410 once it is over, 416 for what lies behind the end."""
    tag, if_none_match, if_range = f'"{artifact.sha256}"', headers.get("If-None-Match"), headers.get("If-Range")
    if artifact.expires_at <= timezone.now() or artifact.state != ArtifactState.KEPT:
        raise errors.Gone("its bytes are lost" if artifact.state == ArtifactState.LOST else "")
    if if_none_match is not None and (if_none_match.strip() == "*" or tag in if_none_match):
        return _headed(HttpResponse(status=304), artifact, tag)
    try:
        span = ranges.parse(headers.get("Range"), artifact.bytes) if if_range in (None, tag) else None
    except ranges.Unsatisfiable:
        refused = edge.answer(errors.BadRange())
        refused["Content-Range"] = f"bytes */{artifact.bytes}"
        return refused
    return _headed(_sent(artifact, span), artifact, tag)


def _sent(artifact: Artifact, span: Span | None) -> HttpResponseBase:
    try:
        artifacts.store().open(artifact.key).close()
    except FileNotFoundError:
        raise errors.Gone("its bytes are lost") from None
    sent = span or Span(0, artifact.bytes)
    response = Download(
        Parts(lambda: artifacts.store().open(artifact.key), sent),
        name="artifact",
        content_type=shown_type(artifact.content_type),
    )
    response["Content-Length"] = str(sent.length)
    if span is not None:
        response.status_code = 206
        response["Content-Range"] = span.told(artifact.bytes)
    return response


def _headed(response: HttpResponseBase, artifact: Artifact, tag: str) -> HttpResponseBase:
    response["ETag"] = tag
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = "private, no-cache"
    response["Content-Disposition"] = (
        content_disposition_header(as_attachment=True, filename=artifact.name) or "attachment"
    )
    response["Content-Security-Policy"] = POLICY
    response["X-Content-Type-Options"] = "nosniff"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    return response
