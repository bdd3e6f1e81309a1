"""Answers too long to be held in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse


class Download(StreamingHttpResponse):
    """A file, part by part, under either kind of server.

    Django would take all parts of an ordinary iterator before it sends the first, where the server is asynchronous:
    here each is taken in the request's thread when the one before it is sent.
    """

    def __init__(self, parts: Iterator[bytes], *, name: str, content_type: str) -> None:
        disposition = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
        super().__init__(parts, content_type=content_type, headers=disposition)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        parts = iter(self)
        take = sync_to_async(lambda: next(parts, None), thread_sensitive=True)
        while (part := await take()) is not None:
            yield part
