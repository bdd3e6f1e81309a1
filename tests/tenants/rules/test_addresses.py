"""Whose address a request has, whatever clients invent and proxies write."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.rules import addresses

PROXIES = [ip_network("10.0.0.0/8"), ip_network("127.0.0.1/32"), ip_network("fd00::/8")]

SEEN = {
    "nothing is forwarded": ("203.0.113.7", "", "203.0.113.7"),
    "a stranger's header is not read": ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
    "one proxy": ("10.0.0.1", "203.0.113.7", "203.0.113.7"),
    "two proxies": ("10.0.0.1", "203.0.113.7, 10.0.0.2", "203.0.113.7"),
    "a proxy by IPv6": ("fd00::1", "203.0.113.7,fd00::2", "203.0.113.7"),
    "an invented one in front": ("10.0.0.1", "198.51.100.1, 203.0.113.7", "203.0.113.7"),
    "our own proxy's address invented in front": ("10.0.0.1", "10.0.0.9, 203.0.113.7", "203.0.113.7"),
    "loopback invented in front": ("10.0.0.1", "127.0.0.1, ::1, 203.0.113.7", "203.0.113.7"),
    "many invented": ("10.0.0.1", ", ".join(["198.51.100.1"] * 5000 + ["203.0.113.7"]), "203.0.113.7"),
    "garbage in front": ("10.0.0.1", "<script>, \x00, ' OR 1=1, 203.0.113.7", "203.0.113.7"),
    "with a port": ("10.0.0.1", "203.0.113.7:51234", "203.0.113.7"),
    "IPv6": ("10.0.0.1", "2001:db8::7", "2001:db8::7"),
    "IPv6 in brackets": ("10.0.0.1", "[2001:db8::7]", "2001:db8::7"),
    "IPv6 with a port": ("10.0.0.1", "[2001:DB8:0::7]:443", "2001:db8::7"),
    "IPv6 with a zone": ("10.0.0.1", "fe80::1%eth0", "fe80::1"),
    "IPv4 by a socket of both families": ("::ffff:203.0.113.7", "", "203.0.113.7"),
    "a proxy by a socket of both families": ("::ffff:10.0.0.1", "::ffff:203.0.113.7", "203.0.113.7"),
    "spaces and tabs": ("10.0.0.1", " \t203.0.113.7\t , 10.0.0.2 ", "203.0.113.7"),
    "the client is in a proxy's network": ("10.0.0.1", "10.1.1.1, 10.0.0.2", "10.1.1.1"),
    "what a proxy does not know": ("10.0.0.1", "203.0.113.7, unknown", "10.0.0.1"),
    "what no proxy writes": ("10.0.0.1", "203.0.113.7, 10.0.0.2, 999.1.1.1", "10.0.0.1"),
    "garbage behind a proxy": ("10.0.0.1", "203.0.113.7, x, 10.0.0.2", "10.0.0.2"),
    "an obfuscated one": ("10.0.0.1", "_hidden, 10.0.0.2", "10.0.0.2"),
    "only commas": ("10.0.0.1", ",,,", "10.0.0.1"),
    "a leading zero is no address": ("10.0.0.1", "203.0.113.007", "10.0.0.1"),
    "a number is no address": ("10.0.0.1", "3405803783", "10.0.0.1"),
    "a network is no address": ("10.0.0.1", "203.0.113.0/24", "10.0.0.1"),
    "brackets without an end": ("10.0.0.1", "[2001:db8::7", "10.0.0.1"),
    "other digits are no digits": ("10.0.0.1", "\u0662\u0660\u0663.0.113.7", "10.0.0.1"),
    "a Unix socket": ("", "203.0.113.7", "203.0.113.7"),
    "a Unix socket without a header": ("", "", None),
    "a caller that is no address": ("testclient", "203.0.113.7", None),
}


@pytest.mark.parametrize("name", SEEN)
def test_the_client_is_the_first_from_the_right_that_is_no_proxy(name):
    peer, forwarded, expected = SEEN[name]
    assert addresses.client(peer, forwarded, PROXIES) == expected


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.0.0.1", "", "::1"])
def test_without_proxies_nothing_forwarded_is_believed(peer):
    assert addresses.client(peer, "203.0.113.7", []) == (peer or None)
    assert not addresses.is_proxy(peer, [])


@given(st.text(max_size=300), st.lists(st.sampled_from(["10.0.0.2", "10.3.4.5", "fd00::9"]), max_size=5))
def test_whatever_a_client_sends_it_is_seen_under_its_own_address(sent, proxies):
    forwarded = ", ".join([sent, "203.0.113.7", *proxies])
    assert addresses.client("10.0.0.1", forwarded, PROXIES) == "203.0.113.7"


@given(st.text(max_size=300), st.text(max_size=50))
def test_what_is_seen_is_an_address_or_nothing(forwarded, peer):
    seen = addresses.client(peer, forwarded, PROXIES)
    assert seen is None or str(ip_address(seen)) == seen


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        (None, ""),
    ],
)
def test_an_ipv6_client_is_counted_with_its_network(address, name):
    assert addresses.shared(address) == name
