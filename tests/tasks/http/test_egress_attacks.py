"""Attacks on the egress guard as a tenant would make them: through the payload of an `http` job, or its server's answers."""

from __future__ import annotations

import pytest

from jobs.handlers import HandlerError
from tasks import egress
from tasks.handlers.http import Http
from tasks.http.params import HttpParams
from tests.support.contexts import RecordingContext
from tests.support.http_server import HttpServer
from tests.support.names import Names
from tests.tasks.handlers.http_calls import call, failure


def refused(context: RecordingContext, url: str, **params: object) -> None:
    """It is no payload at all, a name nobody knows, or a target nobody may reach: no connection is tried."""
    try:
        checked = HttpParams(url=url, **params)  # type: ignore[arg-type]
    except ValueError:
        return
    with pytest.raises(HandlerError) as caught:
        Http().run(checked, context)
    assert isinstance(caught.value, egress.UnsafeTarget) or "cannot look up" in str(caught.value)


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "127.1",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
        "127%2e0%2e0%2e1",
        "127.0.0.1%00.example.com",
        "localhost",
        "LocalHost.",
        "loc%61lhost",
        "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[fe80::1%25lo]",
        "0",
        "example.com@127.0.0.1",
        "127.0.0.1#@example.com",
    ],
)
def test_no_spelling_of_this_machine_is_reached(
    server: HttpServer, context: RecordingContext, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    Names(monkeypatch).resolve("localhost", ["127.0.0.1", "::1"])
    context.allowed_hosts = []
    refused(context, f"http://{host}:{server.port}/")
    assert server.requests == []


def test_chain_of_redirects_that_ends_inside_is_refused_at_its_last_hop(
    server: HttpServer, elsewhere: HttpServer, context: RecordingContext
) -> None:
    context.allowed_hosts = [f"127.0.0.1:{server.port}"]
    for hop in range(3):
        server.answer(f"/{hop}", status=302, headers={"Location": f"/{hop + 1}"})
    server.answer("/3", status=302, headers={"Location": elsewhere.url("/inside")})
    assert isinstance(failure(context, server.url("/0"), follow_redirects=True), egress.UnsafeTarget)
    assert [request.path for request in server.requests] == ["/0", "/1", "/2", "/3"]
    assert elsewhere.requests == []


@pytest.mark.parametrize("answers", [["93.184.216.34", "127.0.0.1"], ["127.0.0.1", "2606:2800:220:1::1"]])
def test_name_with_an_address_inside_among_public_ones_is_refused(
    server: HttpServer, context: RecordingContext, monkeypatch: pytest.MonkeyPatch, answers: list[str]
) -> None:
    context.allowed_hosts = []
    Names(monkeypatch).resolve("mixed.test", answers)
    refused(context, server.url(host="mixed.test"))
    assert server.requests == []


def test_name_that_turns_inside_between_two_looks_at_a_status_is_refused(
    server: HttpServer, context: RecordingContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    Names(monkeypatch).resolve("rebind.test", ["127.0.0.2"])
    context.keeps = {"poll": {"url": server.url("/status", host="rebind.test"), "since": 0.0}}
    refused(context, server.url(), poll={})
    assert server.requests == []


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_proxy_of_the_environment_is_not_used(
    server: HttpServer, elsewhere: HttpServer, context: RecordingContext, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, elsewhere.url())
    call(context, server.url())
    assert (len(server.requests), elsewhere.requests) == (1, [])


def test_log_ins_of_a_netrc_are_not_sent(
    server: HttpServer, context: RecordingContext, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login anna password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    call(context, server.url())
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize("header", ["X-Forwarded-Host", "Host"])
def test_header_cannot_choose_where_the_connection_goes(
    server: HttpServer, elsewhere: HttpServer, context: RecordingContext, header: str
) -> None:
    call(context, server.url(), headers={header: f"127.0.0.1:{elsewhere.port}"})
    assert (len(server.requests), elsewhere.requests) == (1, [])
