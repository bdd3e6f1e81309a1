"""``db_to_kafka`` killed at random points: every row arrives, and of each batch that was under way at most the rows twice.

    CARILLON_TEST_ROWS=1000000 CARILLON_TEST_KILLS=3 python -m pytest -s tests/tasks/handlers/test_db_to_kafka_killed.py

does it in full size, and prints what it took.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support import databases, kafka_cluster
from tests.support.processes import eventually
from tests.tasks.handlers.queue_runs import LOCAL, kafka

ROWS = int(os.environ.get("CARILLON_TEST_ROWS", "50000"))
KILLS = int(os.environ.get("CARILLON_TEST_KILLS", "1"))
BATCH = max(ROWS // 50, 100)
#: With all its libraries; a tenth of the rows would not fit into the difference to a start without any.
MOST_KIB = 200 * 1024


class Witness(threading.Thread):
    """Reads the topic beside the product, and counts how often each row has come."""

    def __init__(self, servers: list[str], topic: str) -> None:
        super().__init__(daemon=True)
        self.seen = bytearray(ROWS + 1)
        self.total = 0
        self.over = threading.Event()
        self._servers, self._topic = servers, topic

    def run(self) -> None:
        from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

        reader = Consumer({"bootstrap.servers": ",".join(self._servers), "group.id": "witness", "log_level": 0})
        partitions = reader.list_topics(self._topic).topics[self._topic].partitions
        reader.assign([TopicPartition(self._topic, each, OFFSET_BEGINNING) for each in partitions])
        while not self.over.is_set():
            for message in reader.consume(5000, 0.1):
                assert message.error() is None, message.error()
                self.seen[int(message.key())] += 1
                self.total += 1
        reader.close()


@pytest.fixture
def table() -> Iterator[str]:
    with databases.direct() as shop:
        shop.execute("CREATE TABLE reading (id bigint PRIMARY KEY, name text, price numeric, at timestamptz)")
        shop.execute(
            "INSERT INTO reading SELECT n, md5(n::text), n / 100.0, now() FROM generate_series(1, %s) n", [ROWS]
        )
        yield "reading"
        shop.execute("DROP TABLE reading")


@contextmanager
def attempt(order: dict[str, Any]) -> Iterator[tuple[subprocess.Popen[str], Callable[[], str]]]:
    """A process that runs it; the function gives all it has said, once it has ended."""
    arguments = [sys.executable, "-m", "tests.support.handler_process", json.dumps(order)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        _, folder = process.stdout.readline().split()
        try:
            yield process, process.stdout.read
        finally:
            process.kill()
            shutil.rmtree(folder, ignore_errors=True)


def test_killed_and_resumed_no_row_is_missing_and_few_come_twice(table, tmp_path):
    bookmarks = tmp_path / "bookmarks"
    with kafka_cluster.running(topics={"readings": 64}) as servers:
        witness = Witness(servers, "readings")
        witness.start()
        order = {
            "type": "db_to_kafka",
            "payload": {
                "source": "source", "target": "target", "query": f"SELECT * FROM {table}", "topic": "readings", "key_column": "id",
                "mode": "incremental", "cursor_column": "id", "batch_size": BATCH,
            },
            "allowed_hosts": LOCAL,
            "level": None,
            "connections": {"source": databases.postgresql(), "target": kafka(servers)},
            "bookmarks": str(bookmarks),
        }  # fmt: skip
        for point in sorted(random.sample(range(BATCH, ROWS // 2), KILLS)):
            with attempt({**order, "dies_at": point}) as (process, _):
                assert process.wait() == -signal.SIGALRM
                assert point <= kept(bookmarks) < ROWS
        began, before = time.monotonic(), kept(bookmarks)
        with attempt(order) as (process, said):
            words = said()
            assert process.wait() == 0, words
        seconds = time.monotonic() - began
        assert eventually(lambda: all(witness.seen[1:]))
        twice = witness.total - ROWS
        witness.over.set()
        witness.join()
    assert min(witness.seen[1:]) == 1
    assert witness.seen[0] == 0
    assert twice <= KILLS * BATCH
    used = words.rsplit("peak ", 1)[1].split()
    peak, processor = int(used[0]), used[2]
    assert peak < MOST_KIB
    sys.stdout.write(
        f"\n{ROWS} rows, {KILLS} kills: {twice} twice (batches of {BATCH}); the last attempt {ROWS - before} rows "
        f"in {seconds:.1f} s ({processor} s of processor time), its peak {peak / 1024:.0f} MiB\n"
    )


def kept(bookmarks: Path) -> int:
    """The row behind which the next attempt goes on."""
    if not bookmarks.exists():
        return 0
    (bookmark,) = json.loads(bookmarks.read_text()).values()
    return int(bookmark["cursor"]["value"])
