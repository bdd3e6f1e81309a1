"""``db_to_kafka`` from real databases to Kafka's wire protocol."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from jobs import handlers
from jobs.handlers import HandlerError, PermanentFailure
from tests.support import databases, kafka_cluster
from tests.support.contexts import RecordingContext
from tests.tasks.handlers.queue_runs import LOCAL, consumed, kafka

handlers.load(["tasks.handlers"])


@pytest.fixture
def source(tmp_path: Path, settings: Any) -> dict[str, Any]:
    """Nine products, of which three are gone."""
    settings.FILES = tmp_path
    (tmp_path / "acme").mkdir()
    with sqlite3.connect(tmp_path / "acme" / "shop.sqlite3") as shop:
        shop.execute("CREATE TABLE product (id integer PRIMARY KEY, name text, price real, changed integer)")
        shop.executemany(
            "INSERT INTO product VALUES (?, ?, ?, ?)", [(n, f"name {n}", n / 4, n // 2) for n in range(1, 10)]
        )
    shop.close()
    return {"kind": "sqlite", "path": "shop.sqlite3"}


@pytest.fixture
def topic() -> str:
    return f"topic-{uuid4().hex}"


def run(source: Any, topic: str, context: RecordingContext | None = None, **payload: Any) -> Any:
    context = context or RecordingContext(LOCAL)
    context.revealed = {"source": source, "target": kafka(kafka_cluster.shared())}
    handler = handlers.get("db_to_kafka")
    names = {"source": "source", "target": "target", "topic": topic}
    try:
        return handler.run(
            handler.params.model_validate({"query": "SELECT * FROM product", **names, **payload}), context
        )
    finally:
        context.clean()


def arrived(topic: str) -> list[dict[str, Any]]:
    """In the order in which they were sent, as far as there is one."""
    found = consumed(kafka(kafka_cluster.shared()), queue=topic, idle_seconds=1)[1]
    return sorted(found, key=lambda each: (each["partition"], each["offset"]))


def ids(topic: str) -> list[int]:
    return sorted(each["body"]["id"] for each in arrived(topic))


def test_rows_are_messages_with_keys_headers_and_tombstones(source, topic):
    query = "SELECT id, name, price, id > 6 AS gone FROM product WHERE id <= :most"
    result = run(
        source, topic, query=query, params={"most": 8}, key_column="id", value_columns=["name", "price"], tombstone_column="gone",
        headers={"from": "shop"}, header_columns=["name"],
    )  # fmt: skip
    assert (result["rows"], result["tombstones"], result["cursor"]) == (8, 2, None)
    found = {each["key"]: each for each in arrived(topic)}
    assert found["2"]["body"] == {"name": "name 2", "price": 0.5}
    assert found["7"]["body"] is None
    assert found["7"]["headers"] == {"from": "shop", "name": "name 7"}
    assert len(found) == 8


def test_avro_names_the_type_of_each_value(source, topic):
    run(source, topic, query="SELECT id, name, price, NULL AS none FROM product WHERE id = 1", format="avro_json")
    assert [each["body"] for each in arrived(topic)] == [
        {"id": {"long": 1}, "name": {"string": "name 1"}, "price": {"double": 0.25}, "none": None}
    ]


def test_an_incremental_run_sends_what_is_new(source, topic):
    context = RecordingContext(LOCAL)
    payload = {"mode": "incremental", "cursor_column": "id", "batch_size": 2}
    first = run(source, topic, context, query="SELECT * FROM product WHERE id < 6", **payload)
    second = run(source, topic, RecordingContext(LOCAL, bookmarks=context.bookmarks), **payload)
    assert (first["rows"], first["cursor"], second["rows"], second["began_after"]) == (5, "5", 4, "5")
    assert ids(topic) == list(range(1, 10))
    assert run(source, topic, RecordingContext(LOCAL, bookmarks=context.bookmarks), **payload)["rows"] == 0
    elsewhere = run(source, topic, RecordingContext(LOCAL, bookmarks=context.bookmarks), bookmark="other", **payload)
    assert elsewhere["rows"] == 9


def test_a_full_run_goes_on_only_with_its_own_execution(source, topic):
    context = RecordingContext(LOCAL)
    run(source, topic, context, query="SELECT * FROM product WHERE id < 6;", cursor_column="id", count_first=True)
    again = run(source, topic, context, cursor_column="id")
    assert (again["rows"], again["rows_before"]) == (4, 5)
    assert run(source, topic, RecordingContext(LOCAL, bookmarks=context.bookmarks), cursor_column="id")["rows"] == 9


def test_no_batch_ends_between_rows_of_one_value(source, topic, monkeypatch):
    """Whoever goes on behind a value would leave out the rest of its rows."""
    moved: list[Any] = []
    monkeypatch.setattr(RecordingContext, "keep_bookmark", lambda self, name, value: moved.append(value))
    run(source, topic, cursor_column="changed", batch_size=2)
    assert [(each["cursor"]["value"], each["rows"]) for each in moved] == [("1", 3), ("2", 5), ("3", 7), ("4", 9)]


def test_the_bookmark_moves_only_behind_what_is_confirmed(source, topic, monkeypatch):
    from tasks.queues.kafka import KafkaSession

    context = RecordingContext(LOCAL)
    delivered = KafkaSession.delivered

    def failing(self: Any, producer: Any, deliveries: Any) -> None:
        if context.bookmarks:
            raise HandlerError("the second batch is not confirmed")
        delivered(self, producer, deliveries)

    monkeypatch.setattr(KafkaSession, "delivered", failing)
    with pytest.raises(HandlerError, match="second batch"):
        run(source, topic, context, cursor_column="id", batch_size=4)
    monkeypatch.undo()
    assert [each["cursor"]["value"] for each in context.bookmarks.values()] == ["4"]
    assert run(source, topic, context, cursor_column="id", batch_size=4)["rows"] == 5
    assert set(ids(topic)) == set(range(1, 10))


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"key_column": "nobody"}, "the query has no column 'nobody'; it has id, name"),
        ({"query": "SELECT id, name AS id FROM product"}, "two columns of the query have the same name"),
        ({"query": "SELECT NULL AS id FROM product", "cursor_column": "id"}, "id: a cursor cannot be null"),
        ({"query": "SELECT 1.5 AS id", "cursor_column": "id"}, "id: a cursor cannot be float"),
        (
            {"query": "SELECT NULL AS id, 1 AS gone", "key_column": "id", "tombstone_column": "gone"},
            "id is null in a row that is a deletion",
        ),
    ],
)
def test_what_cannot_be_sent_is_told(source, topic, payload, said):
    with pytest.raises(PermanentFailure, match=said):
        run(source, topic, **payload)


def test_whatever_postgresql_orders_by_is_gone_on_behind(topic):
    """The second run is asked with the very value that the first has kept."""
    kept = {
        "timestamptz": "'2026-01-02 03:04:05.678901+00'", "timestamp": "'2026-01-02 03:04:05.678901'", "date": "'2026-01-02'",
        "numeric": "1234567890123456789.000001", "text": "'it''s :x'", "uuid": "'11111111-2222-3333-4444-555555555555'",
    }  # fmt: skip
    for kind, value in kept.items():
        context = RecordingContext(LOCAL)
        query = f'SELECT CAST({value.replace(":", chr(92) + ":")} AS {kind}) AS "At"'
        assert run(databases.postgresql(), topic, context, query=query, cursor_column="At")["rows"] == 1, kind
        assert run(databases.postgresql(), topic, context, query=query, cursor_column="At")["rows"] == 0, kind
