"""The egress guard, wall by wall: every test here fails when its wall is taken down."""

from __future__ import annotations

import ipaddress
import socket
import threading
from pathlib import Path

import pytest

from jobs.handlers import PermanentFailure
from jobs.rules.codes import Failure
from tasks import egress
from tests.support.names import Names

TABLE = Path(__file__).with_name("addresses.txt").read_text()


def addresses(verdict: str) -> list[str]:
    rows = (line.split() for line in TABLE.splitlines())
    return [address for row in rows if row and row[0] == verdict for address in row[1:]]


FORBIDDEN = addresses("refuse")
PUBLIC = addresses("admit")


ODD_LOOPBACKS = [
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "127.1",
    "127.0.1",
    "[::1]",
    "::1",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "0",
    "0.0.0.0",
    "LOCALHOST",
    "localhost.",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
]


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    monkeypatch.setattr(egress, "_protected", frozenset())
    names = Names(monkeypatch)
    names.resolve("localhost", ["127.0.0.1", "::1"])
    return names


def refusal(host: str, port: int = 80, allowed: list[str] | None = None) -> str:
    with pytest.raises(egress.UnsafeTarget) as caught:
        egress.Guard(allowed or []).resolve(host, port, 5)
    assert caught.value.code == Failure.UNSAFE_TARGET
    return str(caught.value)


def test_the_address_table_has_two_hundred_rows_each_way_told_apart() -> None:
    assert len(FORBIDDEN) + len(PUBLIC) >= 200
    assert not set(FORBIDDEN) & set(PUBLIC)


@pytest.mark.parametrize("address", FORBIDDEN)
def test_address_that_is_not_public_unicast_is_refused(address: str) -> None:
    refusal(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_address_is_admitted(address: str) -> None:
    assert len(egress.Guard([]).resolve(address, 443, 5)) == 1


@pytest.mark.parametrize("host", ODD_LOOPBACKS)
def test_odd_spelling_of_this_machine_is_refused(host: str) -> None:
    refusal(host)


@pytest.mark.parametrize(
    "host", ["", "a b", "a\0b", "a/b", "user@example.com", "fe80::1%eth0", "[fe80::1%25eth0]", "a\nb", "%31"]
)
def test_host_that_is_no_host_is_refused(host: str) -> None:
    assert "is not a host name" in refusal(host)


def test_mapped_address_is_connected_to_as_what_it_is() -> None:
    assert egress.Guard(["127.0.0.1"]).resolve("[::ffff:127.0.0.1]", 80, 5) == ["127.0.0.1"]


def test_one_forbidden_address_refuses_the_whole_name(names: Names) -> None:
    names.resolve("mixed.test", ["93.184.216.34", "10.0.0.7"])
    assert "10.0.0.7" in refusal("mixed.test")


def test_forbidden_version_six_address_beside_a_public_version_four_one_is_refused(names: Names) -> None:
    names.resolve("mixed.test", ["93.184.216.34", "fd00:ec2::254"])
    refusal("mixed.test")


def test_name_is_asked_once_so_a_second_answer_cannot_differ(names: Names) -> None:
    names.resolve("rebind.test", ["93.184.216.34"], ["127.0.0.1"])
    assert egress.Guard([]).resolve("rebind.test", 80, 5) == ["93.184.216.34"]
    assert names.asked == ["rebind.test"]


def test_unknown_name_is_an_ordinary_error() -> None:
    with pytest.raises(OSError, match=r"cannot look up nowhere\.test"):
        egress.Guard([]).resolve("nowhere.test", 80, 5)


def test_silent_name_server_is_not_waited_for_beyond_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: asked.wait(20) and [])
    with pytest.raises(TimeoutError, match=r"silent\.test"):
        egress.Guard([]).resolve("silent.test", 80, 0.01)
    asked.set()


@pytest.mark.parametrize(
    ("entry", "host", "port"),
    [
        ("10.0.0.7", "10.0.0.7", 80),
        ("10.0.0.0/8", "10.9.8.7", 80),
        ("10.0.0.0/8:8080", "10.9.8.7", 8080),
        ("10.0.0.7:8080", "10.0.0.7", 8080),
        ("::1", "::1", 80),
        ("[::1]", "::1", 80),
        ("[::1]:8080", "::1", 8080),
        ("fd00::/8", "fd00::7", 80),
        ("[fd00::/8]:443", "fd00::7", 443),
        ("::ffff:10.0.0.7", "10.0.0.7", 80),
        ("inside.test", "inside.test", 80),
        ("Inside.TEST.", "inside.test.", 80),
        ("inside.test:8080", "INSIDE.test", 8080),
        ("bücher.test", "xn--bcher-kva.test", 80),
        ("xn--bcher-kva.test", "BÜCHER.test", 80),
    ],
)
def test_allow_list_entry_admits_what_it_names(names: Names, entry: str, host: str, port: int) -> None:
    names.resolve("inside.test", ["10.0.0.7", "fd00::7"])
    names.resolve("xn--bcher-kva.test", ["10.0.0.7"])
    assert egress.Guard([entry]).resolve(host, port, 5)


@pytest.mark.parametrize(
    ("entry", "host", "port"),
    [
        ("10.0.0.7", "10.0.0.8", 80),
        ("10.0.0.0/8", "192.168.0.1", 80),
        ("10.0.0.0/8:8080", "10.0.0.7", 80),
        ("[::1]:8080", "::1", 80),
        ("inside.test:8080", "inside.test", 80),
        ("inside.test", "other.inside.test", 80),
        ("inside.test", "10.0.0.7", 80),
        ("nside.test", "inside.test", 80),
    ],
)
def test_allow_list_entry_admits_nothing_else(names: Names, entry: str, host: str, port: int) -> None:
    names.resolve("inside.test", ["10.0.0.7"])
    names.resolve("other.inside.test", ["10.0.0.7"])
    refusal(host, port, [entry])


@pytest.mark.parametrize(
    "address", ["224.0.0.1", "255.255.255.255", "ff02::1", "64:ff9b::7f00:1", "2002:7f00:1::", "::7f00:1", "2001::1"]
)
def test_translation_and_multicast_ranges_are_refused_although_allow_listed(address: str) -> None:
    assert "translation or multicast" in refusal(address, 80, [address, "0.0.0.0/0", "::/0"])


@pytest.mark.parametrize(
    "entry", ["", ":80", "a b", "host:", "host:0", "host:65536", "host:http", "http://host", "*.test", "10.0.0.0/33"]
)
def test_unreadable_allow_list_entry_is_named_and_not_passed_over(entry: str) -> None:
    with pytest.raises(PermanentFailure, match="allow list") as caught:
        egress.Guard([entry])
    assert caught.value.code == Failure.CONFIG_INVALID


def own_addresses() -> list[str]:
    """This machine's address towards others, where it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return []
        return [probe.getsockname()[0]]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "127.0.0.2",
        "::1",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "::",
        "2130706433",
        "alias.test",
        *own_addresses(),
    ],
)
def test_own_server_is_refused_by_any_name_of_this_machine_although_allow_listed(names: Names, host: str) -> None:
    names.resolve("alias.test", ["127.0.0.9"])
    egress.protect([("127.0.0.1", 5432)])
    everything = ["0.0.0.0/0", "::/0", "localhost", "alias.test", "127.0.0.1:5432", "2130706433"]
    assert "belongs to Carillon" in refusal(host, 5432, everything)
    assert egress.Guard(everything).resolve(host, 5433, 5)


def test_own_server_elsewhere_is_refused_by_name_and_by_address(names: Names) -> None:
    names.resolve("db.test", ["10.0.0.5"])
    names.resolve("alias.test", ["10.0.0.5"])
    egress.protect([("db.test", 5432)])
    for host in ("db.test", "DB.test.", "alias.test", "10.0.0.5", "::ffff:10.0.0.5"):
        assert "belongs to Carillon" in refusal(host, 5432, ["10.0.0.0/8", "db.test"])
    assert egress.Guard(["10.0.0.0/8"]).resolve("10.0.0.6", 5432, 5)


def test_own_server_whose_name_moves_between_two_questions_is_refused(names: Names) -> None:
    names.resolve("db.test", ["10.0.0.5"], ["10.0.0.6"])
    egress.protect([("db.test", 5432)])
    assert "belongs to Carillon" in refusal("db.test", 5432, ["10.0.0.0/8"])


def test_own_server_whose_name_stopped_resolving_closes_its_port(names: Names) -> None:
    egress.protect([("lost.test", 5432)])
    assert "belongs to Carillon" in refusal("93.184.216.34", 5432)
    assert egress.Guard([]).resolve("93.184.216.34", 443, 5)


@pytest.mark.parametrize("host", ["", "/var/run/postgresql"])
def test_own_server_behind_a_unix_socket_is_guarded_at_its_port_on_this_machine(host: str) -> None:
    egress.protect([(host, 5432)])
    assert "belongs to Carillon" in refusal("127.0.0.1", 5432, ["127.0.0.1"])


def test_protecting_more_forgets_nothing() -> None:
    egress.protect([("127.0.0.1", 5432)])
    egress.protect([("127.0.0.1", 6379)])
    for port in (5432, 6379):
        refusal("127.0.0.1", port, ["127.0.0.1"])


def test_connection_that_ended_elsewhere_is_refused() -> None:
    guard = egress.Guard([])
    guard.confirm("93.184.216.34", "::ffff:93.184.216.34")
    with pytest.raises(egress.UnsafeTarget, match=r"ended at 10\.0\.0\.1"):
        guard.confirm("93.184.216.34", "10.0.0.1")


def test_the_lists_hold_networks_of_both_versions_and_no_default_route() -> None:
    for network in (*egress._NEVER, *egress._NOT_PUBLIC):
        assert network not in (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
