"""Where an API key may be used from: addresses and networks."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_network

from tenants.rules import addresses

MOST = 50


def allow(allowed: Collection[str], address: str | None) -> bool:
    """Whether a key with this list may be used from there. No list allows every address; no address is on no list."""
    if not allowed:
        return True
    caller = addresses.read(address or "")
    return caller is not None and any(caller in ip_network(each) for each in allowed)


def normal(entry: str) -> str:
    """An entry as it is stored: one address without its length, a network by its first address.

    Raises:
        ValueError: with what is wrong with it.
    """
    try:
        network = ip_network(entry.strip())
    except ValueError as error:
        raise ValueError(
            f"{entry[:64]!r} is no address and no network such as 203.0.113.7 or 10.0.0.0/8: {error}"[:300]
        ) from None
    return str(network.network_address) if network.num_addresses == 1 else str(network)
