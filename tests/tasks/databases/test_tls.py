"""What each ``tls`` of a connection means, asked of servers with a certificate, without one, and of who stands between."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from jobs.handlers import HandlerError
from jobs.rules.codes import Failure
from tests.support import certificates, databases, mariadb, tls_relay
from tests.support.tls_relay import Relay
from tests.tasks.databases.conftest import Opening

ALLOWED = ["localhost", "127.0.0.0/8"]
_SLOW = {"postgresql": "SELECT pg_sleep(60)", "mysql": "SELECT SLEEP(60)"}
_CIPHER = "SELECT variable_value FROM information_schema.session_status WHERE variable_name = 'Ssl_cipher'"


@pytest.fixture
def relay() -> Iterator[Relay]:
    """A PostgreSQL with the certificate."""
    with tls_relay.relaying(databases.postgresql()["port"], as_postgresql=True) as found:
        yield found


@pytest.fixture(params=["postgresql", "mysql"])
def secured(request: pytest.FixtureRequest, relay: Relay) -> dict[str, Any]:
    """A connection to a server with the certificate of ``localhost``, of which is not said how."""
    found = mariadb.server().fields if request.param == "mysql" else {**databases.postgresql(), "port": relay.port}
    return {**{name: value for name, value in found.items() if name != "tls"}, "host": "localhost"}


def is_encrypted(opening: Opening, fields: dict[str, Any], relay: Relay) -> bool:
    """By the other side's word."""
    with opening(fields, allowed=ALLOWED) as (session, _):
        ((told,),) = session.stream("SELECT 1" if fields["kind"] == "postgresql" else _CIPHER)
        return relay.spoken[-1] == "tls" if fields["kind"] == "postgresql" else bool(told)


def refused(opening: Opening, fields: dict[str, Any], **options: Any) -> HandlerError:
    with pytest.raises(HandlerError) as raised, opening(fields, allowed=ALLOWED, **options):
        pass
    assert "connection" in raised.value.tags
    return raised.value


def test_each_kind_of_tls_is_what_it_says(opening: Opening, secured: dict[str, Any], relay: Relay) -> None:
    authority = certificates.made().authority
    assert is_encrypted(opening, {**secured, "tls": "verify", "ca": authority}, relay)
    assert is_encrypted(opening, {**secured, "tls": "insecure"}, relay)
    assert is_encrypted(opening, {**secured, "tls": "insecure", "host": "127.0.0.1"}, relay)
    assert not is_encrypted(opening, {**secured, "tls": "off"}, relay)


def test_whom_nobody_vouches_for_is_refused(opening: Opening, secured: dict[str, Any]) -> None:
    """Not by the system's authorities, and not by another one; without a word on it a connection is verified."""
    known = certificates.made()
    assert "certificate verify failed" in str(refused(opening, secured))
    assert "certificate verify failed" in str(refused(opening, {**secured, "tls": "verify"}))
    assert "certificate verify failed" in str(refused(opening, {**secured, "ca": known.stranger}))
    refused(opening, {**secured, "ca": "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----"})


def test_a_certificate_for_another_host_is_refused(opening: Opening, secured: dict[str, Any]) -> None:
    error = refused(opening, {**secured, "host": "127.0.0.1", "ca": certificates.made().authority})
    assert "127.0.0.1" in str(error)


def test_a_statement_is_ended_over_tls_too(opening: Opening, secured: dict[str, Any], relay: Relay) -> None:
    fields = {**secured, "ca": certificates.made().authority}
    with opening(fields, allowed=ALLOWED, timeout=0.3) as (session, _), pytest.raises(HandlerError) as raised:
        session.execute(_SLOW[fields["kind"]])
    assert raised.value.code == Failure.TIMEOUT
    assert set(relay.spoken) <= {"tls"}


@contextmanager
def without_tls(kind: str) -> Iterator[tuple[int, list[bytes]]]:
    """Somebody between us and a server, who says of it that it has no TLS: a port, and what is said there then."""
    heard: list[bytes] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while not heard:
                connected, _ = listener.accept()
                with connected:
                    if kind == "postgresql" and not connected.recv(8):
                        continue  # somebody who looked where it is
                    connected.sendall(b"N" if kind == "postgresql" else _greeting())
                    heard.append(connected.recv(65536))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], heard
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        thread.join(30)


def _greeting() -> bytes:
    """MariaDB's own, less that it can TLS."""
    with socket.create_connection(("127.0.0.1", mariadb.server().port)) as connected:
        said = bytearray(connected.recv(65536))
    of_version = said.index(0, 5)
    said[of_version + 1 + 4 + 8 + 1 + 1] &= ~0x08  # CLIENT_SSL, in the upper byte of the lower capabilities
    return bytes(said)


@pytest.mark.parametrize("tls", ["verify", "insecure"])
def test_who_says_there_is_no_tls_is_told_nothing(opening: Opening, secured: dict[str, Any], tls: str) -> None:
    with without_tls(secured["kind"]) as (port, heard):
        assert "SSL" in str(refused(opening, {**secured, "port": port, "tls": tls}))
    assert heard == [b""]


def test_a_server_without_tls_is_refused(opening: Opening) -> None:
    for tls in ("verify", "insecure"):
        assert "SSL" in str(refused(opening, {**databases.postgresql(), "tls": tls}))
