"""Sessions with databases of tenants, in the three kinds."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tasks import databases as product
from tests.support import contexts, databases
from tests.support.contexts import RecordingContext

#: A session with the database of these fields, and the context it is in.
Opening = Callable[..., AbstractContextManager[tuple[product.Session, RecordingContext]]]


@pytest.fixture
def files(tmp_path: Path, settings: Any) -> Path:
    """The tenant's own folder, with a database in it."""
    settings.FILES = tmp_path
    folder = tmp_path / "acme"
    folder.mkdir()
    sqlite3.connect(folder / "shop.sqlite3").close()
    (folder / "shop.sqlite3").touch()
    return folder


@pytest.fixture(params=["postgresql", "mysql", "sqlite"])
def fields(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Of a connection of each kind."""
    if request.param == "sqlite":
        request.getfixturevalue("files")
        return {"kind": "sqlite", "path": "shop.sqlite3"}
    found: dict[str, Any] = getattr(databases, request.param)()
    return found


@pytest.fixture
def opening() -> Iterator[Opening]:
    with ExitStack() as stack:

        @contextmanager
        def opened(
            fields: dict[str, Any],
            *,
            allowed: Any = databases.ALLOWED,
            seconds: float = 30,
            timeout: float | None = None,
            room: int | None = None,
        ) -> Iterator[tuple[product.Session, RecordingContext]]:
            context = stack.enter_context(contexts.recording(allowed, timeout=seconds, revealed={"it": fields}))
            context.max_file_bytes = room
            with product.session(context, context.connection("it"), timeout=timeout) as session:
                yield session, context

        yield opened
