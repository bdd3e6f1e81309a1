"""Whom a call trusts, and who is shown its certificate."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from jobs.handlers import PermanentFailure
from jobs.rules.codes import Failure
from tasks.http.params import HttpParams
from tests.support import http_server
from tests.support.contexts import RecordingContext
from tests.support.http_server import HttpServer
from tests.tasks.handlers.http_calls import call, failure

pytestmark = pytest.mark.needs("openssl")


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The server's certificate, which vouches for itself, and a client's with its key."""
    folder = tmp_path_factory.mktemp("tls")
    for name, subject in (("server", "/CN=127.0.0.1"), ("client", "/CN=carillon")):
        files = ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.crt")]
        extra = ["-addext", "subjectAltName=IP:127.0.0.1", "-subj", subject]
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        subprocess.run([*command, *files, *extra], check=True, capture_output=True)
    found = {path.name: path.read_text() for path in folder.iterdir()}
    return {**found, "client": found["client.crt"] + found["client.key"], "folder": str(folder)}


def tls(pems: dict[str, str], **options: Any) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(Path(pems["folder"]) / "server.crt", Path(pems["folder"]) / "server.key")
    for name, value in options.items():
        setattr(made, name, value)
    return made


@pytest.fixture
def secured(pems: dict[str, str]) -> Iterator[HttpServer]:
    with http_server.serving(tls=tls(pems)) as running:
        yield running


@pytest.fixture
def choosy(pems: dict[str, str]) -> Iterator[HttpServer]:
    """Lets in whoever shows the client's certificate."""
    asking = tls(pems, verify_mode=ssl.CERT_REQUIRED)
    asking.load_verify_locations(cadata=pems["client.crt"])
    with http_server.serving(tls=asking) as running:
        yield running


def test_private_authority_is_trusted_where_it_is_named(
    secured: HttpServer, context: RecordingContext, pems: dict[str, str]
) -> None:
    assert failure(context, secured.url()).tags == {"connection"}
    assert failure(context, secured.url(), tls={"ca": pems["client.crt"]}).tags == {"connection"}
    result = call(context, secured.url(), tls={"ca": pems["server.crt"]})
    assert set(result["timings"]) == {"dns_ms", "connect_ms", "tls_ms", "first_byte_ms", "total_ms"}


def test_certificate_for_another_host_is_refused(
    secured: HttpServer, context: RecordingContext, pems: dict[str, str]
) -> None:
    context.allowed_hosts = ["127.0.0.0/8"]
    assert failure(context, secured.url(host="127.0.0.2"), tls={"ca": pems["server.crt"]}).tags == {"connection"}


def test_older_version_than_the_least_is_refused(context: RecordingContext, pems: dict[str, str]) -> None:
    with http_server.serving(tls=tls(pems, maximum_version=ssl.TLSVersion.TLSv1_2)) as old:
        assert call(context, old.url(), tls={"ca": pems["server.crt"]})["status"] == 200
        error = failure(context, old.url(), tls={"ca": pems["server.crt"], "minimum_version": "1.3"})
        assert error.tags == {"connection"}


def test_certificate_of_the_client_lets_it_in(
    choosy: HttpServer, context: RecordingContext, pems: dict[str, str]
) -> None:
    assert failure(context, choosy.url(), tls={"ca": pems["server.crt"]}).tags == {"connection"}
    assert call(context, choosy.url(), tls={"ca": pems["server.crt"], "client_certificate": pems["client"]})


def test_certificate_is_shown_to_the_first_origin_only(
    server: HttpServer, choosy: HttpServer, context: RecordingContext, pems: dict[str, str]
) -> None:
    server.answer("/", status=302, headers={"Location": choosy.url()})
    shown = {"ca": pems["server.crt"], "client_certificate": pems["client"]}
    assert failure(context, server.url(), follow_redirects=True, tls=shown).tags == {"connection"}
    assert choosy.requests == []


@pytest.mark.parametrize("text", ["", "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----", "client.crt"])
def test_what_is_no_certificate_with_its_key_fails_for_good(
    secured: HttpServer, context: RecordingContext, pems: dict[str, str], text: str
) -> None:
    for name in ("ca", "client_certificate"):
        if name == "ca" and "BEGIN" not in text:
            continue
        error = failure(context, secured.url(), tls={name: pems.get(text, text) or "none"})
        assert isinstance(error, PermanentFailure)
        assert error.code == Failure.CONFIG_INVALID


@pytest.mark.parametrize("fields", [{"tls": {"minimum_version": "1.0"}}, {"tls": {"ca": "x"}}, {"tls": {"key": "x"}}])
def test_unusable_tls_is_refused(fields: Any) -> None:
    with pytest.raises(ValidationError):
        HttpParams.model_validate({"url": "https://x.test/", **fields})


def test_authority_and_no_verification_exclude_each_other(pems: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="leave one out"):
        HttpParams.model_validate({"url": "https://x.test/", "verify_tls": False, "tls": {"ca": pems["server.crt"]}})
