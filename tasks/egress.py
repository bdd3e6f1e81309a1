"""The egress guard: which addresses a tenant's job may connect to.

A caller asks :meth:`Guard.resolve` once, connects to one of the addresses it got (never to the
name again, or a name server could answer differently the second time) and shows the peer it
reached to :meth:`Guard.confirm`. One forbidden address among many refuses the whole name.

Three rules, strongest first:

1. Our own servers, named by :func:`protect`, are refused whatever an allow list says, by any name
   or address of this machine that leads to them; so are translation and multicast ranges, which
   reach somebody else than the address says.
2. An entry of the tenant's allow list admits what it names: ``host``, ``host:port``, an address or
   a network, each with an optional port (``[fd00::/8]:443`` for version 6).
3. Everything else must be public unicast. The lists are our own: the standard library counts
   several clouds' metadata services and the translation ranges as global, and differs by version.
"""

from __future__ import annotations

import ipaddress
import queue
import re
import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass

import idna

from jobs.handlers import PermanentFailure
from jobs.rules.codes import Failure

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: Addresses that lead elsewhere than they say, or to many: no allow list opens them.
_NEVER = [
    ipaddress.ip_network(text)
    for text in (
        "224.0.0.0/4",
        "255.255.255.255/32",
        "ff00::/8",
        "::ffff:0:0:0/96",  # IPv4-translated
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # NAT64 inside one network
        "2001::/32",  # Teredo
        "2002::/16",  # 6to4
    )
]
#: The IPv4-compatible range, where ::1 and :: are the only addresses with a meaning of their own.
_COMPATIBLE = ipaddress.IPv6Network("::/96")

_NOT_PUBLIC = [
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier NAT; a cloud's metadata at 100.100.100.200
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's host agent on a public-looking address
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments; a cloud's metadata at 192.0.0.192
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "240.0.0.0/4",
        "2001::/23",
        "2001:db8::/32",
        "2620:4f:8000::/48",
        "3ffe::/16",
        "3fff::/20",
    )
]
#: All of IPv6 that is handed out as public unicast; everything outside is refused unread.
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")

_HOST = re.compile(r"[a-z0-9_.:-]+")
_PORT = re.compile(r"[0-9]{1,5}")

_protected: frozenset[tuple[str, int]] = frozenset()


class UnsafeTarget(PermanentFailure):
    """The job asked for an address it may not reach."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code=Failure.UNSAFE_TARGET)


def protect(endpoints: Iterable[tuple[str, int]]) -> None:
    """Refuse these (host, port) pairs to everybody, in addition to those already named.

    An empty host or a path (a Unix socket) stands for this machine.
    """
    global _protected  # noqa: PLW0603 - one list per process, fed once at start
    named = {("localhost" if host == "" or host.startswith("/") else _plain(host), port) for host, port in endpoints}
    _protected |= named


def is_public(address: Address) -> bool:
    """Whether the address is public unicast, the same on every Python."""
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return not any(address in network for network in (*_NEVER, *_NOT_PUBLIC) if network.version == address.version)


@dataclass(frozen=True)
class Allowance:
    """One entry of an allow list: a host name or a network, on one port or on all."""

    host: str
    network: Network | None
    port: int | None

    def covers(self, host: str, address: Address, port: int) -> bool:
        if self.port not in (None, port):
            return False
        if self.network is None:
            return host == self.host
        return self.network.version == address.version and address in self.network


def allowance(entry: str) -> Allowance:
    """Read one entry of an allow list; ValueError says what is wrong with it."""
    network = _network(entry)
    if network is not None:
        return Allowance("", network, None)
    host, colon, port = entry.rpartition(":")
    if not colon:
        host, port = entry, ""
    elif not _PORT.fullmatch(port) or not 0 < int(port) < 65536:
        raise ValueError(f"{entry!r} in the allow list has no valid port after its colon")
    network = _network(host)
    name = "" if network else _plain(host)
    if network is None and not (_HOST.fullmatch(name) and ":" not in name):
        raise ValueError(f"{entry!r} in the allow list is no host, host:port, address or network")
    return Allowance(name, network, int(port) if port else None)


class Guard:
    """Judges the targets of one tenant's calls by its allow list."""

    def __init__(self, allowed: Iterable[str]) -> None:
        try:
            self._allowed = [allowance(entry) for entry in allowed]
        except ValueError as error:
            raise PermanentFailure(str(error), code=Failure.CONFIG_INVALID) from None

    def resolve(self, host: str, port: int, timeout: float) -> list[str]:
        """The addresses to connect to, all judged; UnsafeTarget, or OSError when there is no answer in time."""
        name = _ascii(host)
        if not _HOST.fullmatch(name):
            raise UnsafeTarget(f"{host!r} is not a host name or address")
        found = _look_up(name, port, timeout)
        for address in found:
            self._judge(_plain(name), address, port)
        return [str(address) for address in found]

    def confirm(self, address: str, peer: str) -> None:
        """Refuse a connection that ended elsewhere than at the address that was judged."""
        if _unwrapped(peer) != _unwrapped(address):
            raise UnsafeTarget(f"the connection to {address} ended at {peer}")

    def _judge(self, host: str, address: Address, port: int) -> None:
        target = f"{host} ({address})" if host != str(address) else host
        if _is_ours(host, address, port):
            raise UnsafeTarget(f"{target} port {port} belongs to Carillon itself: no job may reach it")
        if _is_never(address):
            raise UnsafeTarget(f"{target} is in a translation or multicast range: name the real address instead")
        if not is_public(address) and not any(entry.covers(host, address, port) for entry in self._allowed):
            raise UnsafeTarget(f"{target} is not a public address: add it to the tenant's allowed hosts if it is meant")


def _is_ours(host: str, address: Address, port: int) -> bool:
    for our_host, our_port in _protected:
        if port != our_port:
            continue
        try:
            ours = _look_up(our_host, our_port, 5)
        except OSError:
            return True  # not knowing where our server is, no address on its port is safe
        if host == our_host or address in ours or (_is_local(address) and any(map(_is_local, ours))):
            return True
    return False


def _look_up(name: str, port: int, timeout: float) -> list[Address]:
    """Ask in a thread of its own: a name server's silence must not hold up a cancel or a deadline."""
    try:
        return [_unwrapped(name)]
    except ValueError:
        answers: queue.SimpleQueue[list[Address] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(_unwrapped(str(sockaddr[0])) for *_, sockaddr in found)))
        except (OSError, ValueError) as error:
            answers.put(OSError(f"cannot look up {name}: {error}"))

    threading.Thread(target=ask, daemon=True, name="egress-lookup").start()
    try:
        answer = answers.get(timeout=max(timeout, 0))
    except queue.Empty:
        raise TimeoutError(f"looking up {name} took more than {timeout:.1f} s") from None
    if isinstance(answer, OSError):
        raise answer
    return answer


def _is_never(address: Address) -> bool:
    if address in _COMPATIBLE and not (address.is_loopback or address.is_unspecified):
        return True
    return any(address in network for network in _NEVER if network.version == address.version)


def _is_local(address: Address) -> bool:
    """Whether this machine answers on the address: only then may a socket be bound to it."""
    if address.is_loopback or address.is_unspecified:
        return True
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True


def _unwrapped(text: str) -> Address:
    """The address behind a mapped one. A zone (fe80::1%eth0) stays, so it equals no address without."""
    address = ipaddress.ip_address(text)
    return getattr(address, "ipv4_mapped", None) or address


def _network(text: str) -> Network | None:
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        network = ipaddress.ip_network(bare, strict=False)
    except ValueError:
        return None
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    return ipaddress.ip_network(mapped) if mapped and network.num_addresses == 1 else network


def _ascii(host: str) -> str:
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        return idna.encode(bare, uts46=True).decode() if not bare.isascii() else bare.lower()
    except idna.IDNAError:
        return ""


def _plain(host: str) -> str:
    """One spelling for comparing names: ASCII, lower case, without the root's dot."""
    return _ascii(host).rstrip(".")
