"""The body of an answer as an artifact, written as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx2

from jobs.handlers import ArtifactWriter, Context
from jobs.rules import artifacts
from tasks.http.params import HttpParams


class Into:
    """Opens the artifact once it is known what comes."""

    def __init__(self, name: str, context: Context, stack: ExitStack) -> None:
        self._name = name
        self._context = context
        self._stack = stack
        self.file: ArtifactWriter | None = None

    def __call__(self, response: httpx2.Response) -> ArtifactWriter:
        content_type = response.headers.get("content-type", "")
        try:
            artifacts.check(self._name, content_type)
        except artifacts.BadArtifact:
            content_type = "application/octet-stream"
        self.file = self._stack.enter_context(self._context.artifact(self._name, content_type=content_type))
        return self.file


@contextmanager
def into(params: HttpParams, context: Context) -> Iterator[Into | None]:
    """What takes the body, if it is to be saved: kept if the block ends without an error, nothing left of it otherwise."""
    with ExitStack() as stack:
        yield Into(params.save_as, context, stack) if params.save_as else None
