"""The body of an answer as an artifact, written as it comes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx2

from jobs.attempt_streams import ArtifactWriter
from jobs.handlers import Context
from tasks.http.params import HttpParams

#: What an artifact may say it is; anything else a server says is not taken over.
LONGEST_TYPE = 100
_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*(; ?charset=[a-z0-9-]+)?", re.IGNORECASE)


class Into:
    """Opens the artifact once it is known what comes."""

    def __init__(self, name: str, context: Context, stack: ExitStack) -> None:
        self._name = name
        self._context = context
        self._stack = stack
        self.file: ArtifactWriter | None = None

    def __call__(self, response: httpx2.Response) -> ArtifactWriter:
        said = response.headers.get("content-type", "")
        content_type = said if len(said) <= LONGEST_TYPE and _TYPE.fullmatch(said) else "application/octet-stream"
        self.file = self._stack.enter_context(self._context.artifact(self._name, content_type=content_type))
        return self.file


@contextmanager
def into(params: HttpParams, context: Context) -> Iterator[Into | None]:
    """What takes the body, if it is to be saved: kept if the block ends without an error, nothing left of it otherwise."""
    with ExitStack() as stack:
        yield Into(params.save_as, context, stack) if params.save_as else None
