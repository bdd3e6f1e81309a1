"""A TCP proxy between our processes and a server, which can lose what a network loses.

    open      passes everything on
    refusing  resets what is open and refuses what is new
    silent    takes everything and passes nothing on, as a link that is gone does
    lossy     passes everything on, late: what a lost packet looks like behind TCP is a wait for its repetition

and, in between, cuts an answer: the request goes through, the server does it, the answer and the
connection are lost. Which one is decided by a recogniser, an object fed with what passes both ways;
see :mod:`tests.chaos.recognisers`.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import threading
from collections.abc import Callable
from typing import Protocol

CHUNK = 65_536
#: Seconds a piece waits on a lossy link: a round trip mostly, a repeated packet one time in ten, a twice repeated one
#: in forty.
LATE = (0.02,) * 36 + (0.25,) * 3 + (1.0,)


class Recogniser(Protocol):
    """Of one connection. Each is asked with the bytes that pass, and says what answers they are, if any."""

    def requested(self, data: bytes) -> None: ...
    def answering(self, data: bytes) -> str | None: ...


class Proxy:
    """Runs in the loop of :class:`Loop`. ``cut(kind, times)`` loses the next answers of that kind."""

    def __init__(self, name: str, target: int, recogniser: Callable[[], Recogniser]) -> None:
        self.name = name
        self.target = target
        self.mode = "open"
        self.cuts = 0
        self._wanted: dict[str, int] = {}
        self._chance = random.Random(name)
        self._recogniser = recogniser
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._open: set[tuple[socket.socket, ...]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def cut(self, kind: str, times: int) -> None:
        """Lose the answers of the next ``times`` requests of this kind; 0 ends it."""
        self._wanted[kind] = times

    def become(self, mode: str) -> None:
        """Any other mode than open ends the connections there are, silence at its end: their streams have holes."""
        was, self.mode = self.mode, mode
        if mode == "refusing" or was == "silent":
            self.reset()

    def reset(self) -> None:
        """End every connection with a reset."""
        for pair in self._open:
            _abort(*pair)
        self._open.clear()

    def close(self) -> None:
        """Take nothing any more."""
        self._listener.close()

    async def serve(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(self._listener)
            client.setblocking(False)
            if self.mode == "refusing":
                _abort(client)
                client.close()
                continue
            task = asyncio.create_task(self._pass(client))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass(self, client: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        server = socket.socket()
        server.setblocking(False)
        pair = (client, server)
        self._open.add(pair)
        try:
            for end in pair:
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(server, ("127.0.0.1", self.target))
            recogniser = self._recogniser()
            forth = asyncio.create_task(self._forth(pair, recogniser))
            back = asyncio.create_task(self._back(server, client, recogniser))
            await asyncio.wait({forth, back}, return_when=asyncio.FIRST_COMPLETED)
            for task in (forth, back):
                task.cancel()
            await asyncio.gather(forth, back, return_exceptions=True)
        except OSError:
            _abort(client)
        finally:
            self._open.discard(pair)
            for end in pair:
                end.close()

    async def _forth(self, pair: tuple[socket.socket, socket.socket], recogniser: Recogniser) -> None:
        loop, (client, server) = asyncio.get_running_loop(), pair
        with contextlib.suppress(OSError):
            # What is sent into a connection that was reset in this moment may still be read, and goes nowhere.
            while (data := await loop.sock_recv(client, CHUNK)) and pair in self._open:
                if self.mode != "silent":
                    recogniser.requested(data)
                    await self._dally()
                    await loop.sock_sendall(server, data)

    async def _back(self, server: socket.socket, client: socket.socket, recogniser: Recogniser) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            while data := await loop.sock_recv(server, CHUNK):
                if self.mode == "silent":
                    continue
                kind = recogniser.answering(data)
                if kind is not None and self._wanted.get(kind, 0) > 0:
                    self._wanted[kind] -= 1
                    self.cuts += 1
                    _abort(client, server)
                    return
                await self._dally()
                await loop.sock_sendall(client, data)

    async def _dally(self) -> None:
        if self.mode == "lossy":
            await asyncio.sleep(self._chance.choice(LATE))


def _abort(*ends: socket.socket) -> None:
    """With a reset instead of a goodbye, which closing sends: the task that holds them does, since what it waits for ends.

    Closed here, their numbers would be the next connections' while the loop still watches them for this one.
    """
    for end in ends:
        with contextlib.suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.shutdown(socket.SHUT_RD)


class Loop:
    """One thread for all proxies. Methods of a proxy are called through :meth:`tell`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._proxies: list[Proxy] = []
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="proxies")
        self._thread.start()

    def add(self, proxy: Proxy) -> Proxy:
        """Serve it."""
        self._proxies.append(proxy)
        asyncio.run_coroutine_threadsafe(proxy.serve(), self._loop)
        return proxy

    def tell(self, action: Callable[[], None]) -> None:
        """Do it in the loop's thread, and wait for it."""
        done = threading.Event()

        def act() -> None:
            try:
                action()
            finally:
                done.set()

        self._loop.call_soon_threadsafe(act)
        done.wait(5)

    def close(self) -> None:
        """End every connection and every listener."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for proxy in self._proxies:
            proxy.close()
