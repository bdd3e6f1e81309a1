"""Whose request it is: the address of the client, seen through the proxies in front of us.

A proxy appends to ``X-Forwarded-For`` the address that it was called from. So the header is believed from
the right, as long as a proxy of ours has written it: the first address that is none of our proxies' is the
client's, and whatever stands to its left was sent by the client and may be invented.

    X-Forwarded-For: 1.2.3.4 (invented), 203.0.113.7 (the client), 10.0.0.5 (our CDN)      called from 10.0.0.9

Proxies are named by networks, not by their number: a caller that reaches us past them is in none, and so is
not believed; and a server in front of the application that has taken an address from the header itself does
no harm.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: No chain of proxies is as long; whoever sends more is read from the right so far.
MOST_HOPS = 32
_WITH_PORT = re.compile(r"\[(?P<six>[^\]]+)\](?::\d{1,5})?|(?P<four>[0-9.]+):\d{1,5}")


def client(peer: str, forwarded: str, proxies: Sequence[Network]) -> str | None:
    """The client's address, if it has one: ``peer`` has called us and sent ``X-Forwarded-For``.

    A caller by a Unix socket, which only this machine's processes reach, has no address and counts as a
    proxy if there are any. Where a proxy wrote no address, it is the client as far as anybody knows.
    """
    known = read(peer)
    if not is_proxy(peer, proxies):
        return str(known) if known else None
    for entry in reversed(forwarded.rsplit(",", MOST_HOPS)[-MOST_HOPS:]):
        caller = read(entry)
        if caller is None:
            break
        known = caller
        if not _within(caller, proxies):
            break
    return str(known) if known else None


def is_proxy(peer: str, proxies: Sequence[Network]) -> bool:
    """Whether what it forwards is believed."""
    caller = read(peer)
    return bool(proxies) if caller is None and not peer else caller is not None and _within(caller, proxies)


def read(text: str) -> Address | None:
    """An address as proxies write it, with or without a port, brackets, zone; None for anything else."""
    text = text.strip()
    if found := _WITH_PORT.fullmatch(text):
        text = found["six"] or found["four"]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    # An IPv4 client of a socket that listens to both families.
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def shared(address: str | None) -> str:
    """Under which name a client is counted: with IPv6 its /64, of which it can use every address."""
    found = read(address or "")
    return str(ip_network((found, 64), strict=False)) if isinstance(found, IPv6Address) else str(found or "")


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
