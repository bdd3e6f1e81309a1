"""TLS in front of a server that has none: what a client says within it reaches the server in clear, and back.

The PostgreSQL of the tests is built without TLS, and so is their Valkey; what is proved is the client's side, by OpenSSL.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from scheduler_project.local import ports
from tests.support import certificates

#: What libpq asks before TLS begins, and what a server answers that has it.
_SSL_REQUEST, _YES = bytes.fromhex("0000000804d2162f"), b"S"


@dataclass
class Relay:
    """``spoken``: how each client that said anything went on, ``tls`` or ``clear``."""

    port: int
    target: int
    as_postgresql: bool
    spoken: list[str] = field(default_factory=list)

    async def serve(self) -> asyncio.Server:
        """It shows the certificate of ``localhost``."""
        tls = None if self.as_postgresql else certificates.made().server()
        return await asyncio.start_server(self._met, "127.0.0.1", self.port, ssl=tls)

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                first = await self._begun(reader, writer)
                await self._through(first, reader, writer)
        finally:
            writer.transport.abort()

    async def _begun(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """What was said already and is for the server."""
        first, how = b"", "tls"
        if self.as_postgresql:
            first = await reader.readexactly(8)
            if first == _SSL_REQUEST:
                first = b""
                writer.write(_YES)
                await writer.start_tls(certificates.made().server())
            else:
                how = "clear"
        self.spoken.append(how)
        return first

    async def _through(self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection("127.0.0.1", self.target)
        try:
            ours.write(first)
            await asyncio.gather(_pump(reader, ours), _pump(theirs, writer))
        finally:
            ours.transport.abort()


@contextmanager
def relaying(target: int, *, port: int | None = None, as_postgresql: bool = False) -> Iterator[Relay]:
    """To that port on loopback. ``as_postgresql``: TLS begins when it is asked for, and need not."""
    relay = Relay(port or ports.free(), target, as_postgresql)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(relay.serve(), loop).result(30)
    try:
        yield relay
    finally:
        asyncio.run_coroutine_threadsafe(_ending(server), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _ending(server: asyncio.Server) -> None:
    server.close()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for _ in range(10):  # turns of the loop, in which it lets go of what was aborted
        await asyncio.sleep(0)
