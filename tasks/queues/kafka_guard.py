"""Keeps librdkafka inside the egress guard.

    Producer(settings without servers) ─► admit(it, servers, guard) ─► librdkafka asks us for every address

librdkafka connects by itself, to whatever brokers a cluster advertises, for as long as a client lives. It asks a
function for the addresses of each of them, by name or by number, before every connection, and connects to nothing
else (``resolve_cb``). The Python client does not hand that function out, so it is set here through librdkafka's own C
interface, on a client that has been given no server yet and so has connected to nobody. Who is not known here is
answered with a failure: a client without a guard gets nowhere.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import confluent_kafka

from tasks import egress

LOOK_UP_SECONDS = 5.0
#: getaddrinfo's answers for "there is none" and "never".
_NO_NAME, _FAIL = -2, -4

_ADDRESSES = ctypes.POINTER(ctypes.c_void_p)
_RESOLVE = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, _ADDRESSES, ctypes.c_void_p
)


@dataclass
class Watch:
    """Of one client: the guard it is under, and what that had against its brokers."""

    guard: egress.Guard
    refused: egress.UnsafeTarget | None = None
    problem: str = ""
    turn: int = 0

    def check(self) -> None:
        """Raises the first refusal: a cluster that leads to one forbidden address is left."""
        if self.refused is not None:
            raise self.refused

    def address(self, host: str, port: int) -> str:
        """The one to connect to: another of the judged ones each time it is asked."""
        found = self.guard.resolve(host, port, LOOK_UP_SECONDS)
        self.turn += 1
        return found[self.turn % len(found)]


_watches: dict[int, Watch] = {}


@contextmanager
def admitted(client: Any, servers: list[str], guard: egress.Guard) -> Iterator[Watch]:
    """The client may connect to these servers, and to what they advertise, as far as the guard lets it, in the block."""
    library = _library()
    pointer = ctypes.c_void_p.from_address(id(client) + object.__basicsize__).value
    # librdkafka keeps the client that it belongs to: a wrong pointer would not lead back here.
    if not pointer or library.rd_kafka_opaque(pointer) != id(client):
        raise RuntimeError("this confluent-kafka keeps librdkafka's handle elsewhere: no connection is made")
    watch = _watches[id(client)] = Watch(guard)
    try:
        library.rd_kafka_conf_set_resolve_cb(library.rd_kafka_conf(pointer), _resolve)
        if not library.rd_kafka_brokers_add(pointer, ",".join(servers).encode()):
            raise RuntimeError("librdkafka takes none of the servers")
        yield watch
    finally:
        # Refused from here on. The entry goes with the next client at the same place in memory.
        watch.guard = _NOBODY


class _Closed(egress.Guard):
    def resolve(self, host: str, port: int, timeout: float) -> list[str]:  # noqa: ARG002 - as in the class above
        raise OSError("the attempt has ended")


_NOBODY = _Closed(())


@_RESOLVE
def _resolve(node: bytes | None, service: bytes | None, hints: Any, found: Any, opaque: int) -> int:
    """Called in librdkafka's threads, holding none of its locks. Without names: give the addresses back."""
    if not node and not service:
        _libc().freeaddrinfo(found[0])
        return 0
    watch = _watches.get(opaque)
    if watch is None or not node or not service:
        return _FAIL
    host = node.decode(errors="replace")
    try:
        address = watch.address(host, int(service))
    except egress.UnsafeTarget as refusal:
        watch.refused = watch.refused or refusal
        return _FAIL
    except (OSError, ValueError) as error:
        watch.problem = str(error)
        return _NO_NAME
    except Exception as error:  # noqa: BLE001 - a library written in C waits for the answer
        watch.problem = f"{type(error).__name__}: {error}"
        return _FAIL
    # A number is only read, never looked up.
    answer: int = _libc().getaddrinfo(address.encode(), service, hints, found)
    return answer


@cache
def _library() -> ctypes.CDLL:
    """The librdkafka that the Python client has loaded."""
    package = Path(confluent_kafka.__file__).parent
    carried = [*package.parent.glob("confluent_kafka.libs/librdkafka*"), *package.glob(".dylibs/librdkafka*")]
    library = ctypes.CDLL(str(carried[0]) if carried else "librdkafka.so.1")
    library.rd_kafka_opaque.argtypes = [ctypes.c_void_p]
    library.rd_kafka_opaque.restype = ctypes.c_void_p
    library.rd_kafka_conf.argtypes = [ctypes.c_void_p]
    library.rd_kafka_conf.restype = ctypes.c_void_p
    library.rd_kafka_conf_set_resolve_cb.argtypes = [ctypes.c_void_p, _RESOLVE]
    library.rd_kafka_conf_set_resolve_cb.restype = None
    library.rd_kafka_brokers_add.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    return library


@cache
def _libc() -> ctypes.CDLL:
    library = ctypes.CDLL(None)
    library.getaddrinfo.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, _ADDRESSES]
    library.freeaddrinfo.argtypes = [ctypes.c_void_p]
    library.freeaddrinfo.restype = None
    return library

