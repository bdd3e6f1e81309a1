from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from scheduler_project.local import ports, throwaway
from scheduler_project.local.errors import LocalError
from scheduler_project.local.valkey import Valkey
from tests.scheduler_project.local.terminal import Terminal, eventually, is_running


@pytest.fixture
def durable(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path / "a folder", log=tmp_path / "log", password="sesame", port=ports.free())
    yield server
    server.stop()


def test_commands_need_the_password() -> None:
    with throwaway.valkey() as server, redis.Redis(port=server.port) as stranger:
        with pytest.raises(redis.AuthenticationError):
            stranger.ping()
        with redis.Redis.from_url(server.url()) as client:
            assert client.ping()


def test_password_is_not_in_the_process_list() -> None:
    with throwaway.valkey() as server:
        arguments = b"".join(path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists())
        assert server.password.encode() not in arguments


def test_nothing_is_evicted_and_all_is_kept(durable: Valkey) -> None:
    durable.start()
    with redis.Redis.from_url(durable.url(), decode_responses=True) as client:
        settings = client.config_get("appendonly", "appendfsync", "maxmemory-policy", "bind")
    assert settings == {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "bind": "127.0.0.1",
    }


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_messages_survive_a_restart(durable: Valkey, end: str) -> None:
    durable.start()
    with redis.Redis.from_url(durable.url()) as client:
        client.rpush("queue", "message")
    if end == "kill":
        durable._process.kill()
        durable._process.wait()
    else:
        durable.stop()
    durable.start()
    with redis.Redis.from_url(durable.url()) as client:
        assert client.lpop("queue") == b"message"


def test_server_ends_with_its_killed_starter(run: Callable[..., Terminal], tmp_path: Path) -> None:
    code = f"""
import signal
from pathlib import Path
from scheduler_project.local.valkey import Valkey
server = Valkey(Path({str(tmp_path)!r}) / "data", log=Path({str(tmp_path)!r}) / "log", password="x", port={ports.free()})
server.start()
print("pid", server._process.pid, flush=True)
signal.pause()
"""
    starter = run("-c", code)
    starter.shows("pid")
    pid = int(starter.text.split()[1])
    assert is_running(pid)
    starter.send(signal.SIGKILL)
    eventually(lambda: not is_running(pid), "the server's end")


def test_taken_port_is_reported(durable: Valkey) -> None:
    with ports.bind(0) as taken:
        taken.listen()
        durable.port = ports.number(taken)
        with pytest.raises(LocalError, match=f"port {durable.port}"):
            durable.start()
