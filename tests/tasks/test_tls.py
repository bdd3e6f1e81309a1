"""What each ``tls`` of a connection to a broker or cache means, asked of who has a certificate, and of who has none."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest

from jobs import handlers
from jobs.handlers import HandlerError
from scheduler_project.local import ports
from tests.support import caches, certificates, contexts, kafka_cluster, tls_relay
from tests.tasks.handlers import queue_runs

handlers.load(["tasks.handlers"])
ALLOWED = ["localhost", "127.0.0.0/8"]
BAD = "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----"
SECRET = "canary-of-the-log-in"


def published(fields: dict[str, Any], queue: str = "none") -> Any:
    return queue_runs.run(fields, allowed=ALLOWED, queue=queue, body=1)["published"]


def counted(fields: dict[str, Any]) -> Any:
    """By the job type for caches, which speaks to a Redis in its own way."""
    handler = handlers.get("cache")
    with contexts.recording(ALLOWED, timeout=60, revealed={"cache": fields}) as context:
        return handler.run(handler.params.model_validate({"connection": "cache", "operation": "stats"}), context)[
            "keys"
        ]


def ways(kind: str) -> list[dict[str, Any]]:
    """Those that do not end with a server that has the certificate of ``localhost``, and is there."""
    known = certificates.made()
    unknown = [{}, {"tls": "verify"}, {"ca": known.stranger}, {"ca": BAD}]
    return [*unknown, {"host": "127.0.0.1", "ca": known.authority}] if kind != "kafka" else unknown


@pytest.mark.parametrize("ask", [counted, published])
def test_a_redis_is_verified_unless_that_is_not_wanted(ask: Any) -> None:
    caches.client()
    with tls_relay.relaying(caches.valkey().port) as relay:
        fields = {
            name: value for name, value in caches.fields(host="localhost", port=relay.port).items() if name != "tls"
        }
        for way in (
            {"ca": certificates.made().authority},
            {"tls": "insecure"},
            {"tls": "insecure", "host": "127.0.0.1"},
        ):
            assert ask({**fields, **way}) is not None
        for way in ways("redis"):
            with pytest.raises(HandlerError) as refused:
                ask({**fields, **way})
            assert "connection" in refused.value.tags
        assert len(relay.spoken) == 3


@contextmanager
def hearing(tls: ssl.SSLContext | None) -> Iterator[tuple[int, list[bytes]]]:
    """Who reads what is said first, answers in clear text if there is no TLS, and goes away: a port, and what was read."""
    heard: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                connected, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connected:
                spoken = tls.wrap_socket(connected, server_side=True) if tls else connected
                with spoken:
                    heard.append(spoken.recv(65536))
                    spoken.sendall(b"-ERR in clear\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], heard
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(30)


def failed(fields: dict[str, Any], ask: Any = published) -> HandlerError:
    with pytest.raises(HandlerError) as raised:
        ask(fields)
    return raised.value


def test_rabbitmq_hears_nothing_before_it_is_verified() -> None:
    fields = {"kind": "rabbitmq", "host": "localhost", "user": "shop", "password": SECRET}
    with hearing(certificates.made().server()) as (port, heard):
        for way in ways("rabbitmq"):
            assert "connection" in failed({**fields, "port": port, **way}).tags
        assert heard == []
        for way in ({"ca": certificates.made().authority}, {"tls": "insecure", "host": "127.0.0.1"}):
            failed({**fields, "port": port, **way})
        assert [each[:4] for each in heard] == [b"AMQP", b"AMQP"]


@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
@pytest.mark.parametrize("tls", ["verify", "insecure"])
def test_a_server_without_tls_is_refused_and_told_nothing(kind: str, tls: str) -> None:
    fields = {"kind": kind, "host": "localhost", "user": "shop", "password": SECRET, "tls": tls}
    with hearing(None) as (port, heard):
        for ask in (published, counted) if kind == "redis" else (published,):
            assert "connection" in failed({**fields, "port": port}, ask).tags
    assert heard
    assert all(each[:1] == b"\x16" and SECRET.encode() not in each for each in heard)


def test_kafkas_brokers_are_verified_unless_that_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.queues import kafka

    monkeypatch.setattr(kafka, "PATIENCE_SECONDS", 1.5)
    port, topic = ports.free(), f"topic-{uuid4().hex}"
    with (
        kafka_cluster.running(advertise={1: ("localhost", port)}) as (server,),
        tls_relay.relaying(int(server.rpartition(":")[2]), port=port) as relay,
    ):
        fields = {"kind": "kafka", "servers": [f"localhost:{port}"]}
        assert published({**fields, "ca": certificates.made().authority}, topic) == 1
        assert published({**fields, "tls": "insecure"}, topic) == 1
        reached = len(relay.spoken)
        for way in ways("kafka"):
            failed({**fields, **way})
        assert len(relay.spoken) == reached
