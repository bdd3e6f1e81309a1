"""Places of jobs: the tenant's own folder, and those that a connection leads to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from jobs.connections import Connection
from jobs.connections.stores import S3, Sftp
from jobs.handlers import Context
from tasks import files
from tasks.files.contract import Place
from tasks.files.quota import Room


@contextmanager
def place(connection: str | None, context: Context) -> Iterator[Place]:
    """The place a payload names, for the length of the block: a connection's, or without one the tenant's folder."""
    if connection is not None:
        with opened(context.connection(connection), context) as found:
            yield found
        return
    with files.root_of(context.tenant) as root:
        root.sweep()
        if context.max_file_bytes is not None:
            root.charge = Room(context.max_file_bytes, root.used)
        yield root


@contextmanager
def opened(connection: Connection, context: Context) -> Iterator[Place]:
    """The place, for the length of the block. Nothing of it is reached but through the egress guard."""
    if isinstance(connection, S3):
        from tasks.files import bucket  # noqa: PLC0415 - signing needs a large library

        with bucket.opened(connection, context) as place:
            yield place
    else:
        from tasks.files import sftp  # noqa: PLC0415 - so does SSH

        with sftp.opened(cast(Sftp, connection), context) as place:
            yield place
