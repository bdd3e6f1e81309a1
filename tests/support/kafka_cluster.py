"""A Kafka cluster for tests: librdkafka's own mock brokers, which speak the real wire protocol, in a process of their own.

    python -m tests.support.kafka_cluster '{"brokers": 2, "advertise": {"2": ["169.254.169.254", 9092]}}'

Prints where it is bootstrapped, and ends with its standard input. ``advertise`` makes a broker say that it is elsewhere.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

PARTITIONS = 4


@contextmanager
def running(*, brokers: int = 1, advertise: Mapping[int, tuple[str, int]] | None = None) -> Iterator[list[str]]:
    """Its bootstrap servers."""
    order = {"brokers": brokers, "advertise": advertise or {}}
    command = [sys.executable, "-m", "tests.support.kafka_cluster", json.dumps(order)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            servers = process.stdout.readline().split()
            assert servers, "the cluster did not start"
            yield servers
        finally:
            process.stdin.close()
            process.kill()


@cache
def shared() -> list[str]:
    """One cluster for a test process, ended with it."""
    cluster = running()
    servers = cluster.__enter__()
    import atexit

    atexit.register(cluster.__exit__, None, None, None)
    return servers


def main() -> None:
    from confluent_kafka import Producer

    from tasks.queues.kafka_guard import _library

    order = json.loads(sys.argv[1])
    library: Any = _library()
    library.rd_kafka_handle_mock_cluster.restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    holder = Producer({"test.mock.num.brokers": order["brokers"], "log_level": 0})
    handle = ctypes.c_void_p.from_address(id(holder) + object.__basicsize__)
    cluster = ctypes.c_void_p(library.rd_kafka_handle_mock_cluster(handle))
    servers = library.rd_kafka_mock_cluster_bootstraps(cluster).decode()
    library.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0)
    for number, (host, port) in order["advertise"].items():
        library.rd_kafka_mock_broker_set_host_port(cluster, int(number), host.encode(), port)
    sys.stdout.write(servers.replace(",", " ") + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
