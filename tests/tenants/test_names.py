"""Who did something is called by name on every page: the trail's words for a key are for looking up."""

from __future__ import annotations

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from tenants import context, names
from tests.support import console as support
from tests.support import console_routes, rows


def test_no_page_calls_a_key_by_its_id() -> None:
    furniture = support.furnish()
    (key,) = rows.fetch("SELECT key_id FROM api_key WHERE id = %s", furniture["tenants.apikey"])[0]
    rows.change("UPDATE api_key SET name = 'the billing service' WHERE key_id = %s", key)
    columns = rows.fetch(
        """SELECT table_name, column_name FROM information_schema.columns JOIN pg_class ON relname = table_name
           WHERE table_schema = 'public' AND (column_name LIKE '%%\\_by' OR column_name = 'sender') AND NOT relispartition AND table_name <> 'audit_event'
               AND data_type IN ('text', 'character varying')"""
    )
    for table, column in columns:
        rows.change(f"UPDATE {table} SET {column} = %s", f"key:{key}")
    console, told = support.Console(), {}
    for route in console_routes.OF_MODELS:
        if route.model == "tenants.auditevent" or route.kind == "history":
            continue
        answer = console.client.get(route.at(furniture.keys.get(route.model, 1)))
        if answer.status_code == 200 and not answer.streaming:
            told[route.path] = answer.content.decode()
    by_id = [path for path, page in told.items() if f"key:{key}" in support.text_of(page)]
    assert not by_id, "\n".join(by_id)
    assert len([path for path, page in told.items() if "API key the billing service" in page]) > 10
    assert len(columns) > 10


def test_many_are_called_at_once() -> None:
    keys = [support.api_key(rows.tenant()) for _ in range(3)]
    ids = [key for (key,) in rows.fetch("SELECT key_id FROM api_key WHERE id = ANY (%s)", keys)]
    asked = [*(f"key:{key}" for key in ids), "key:gone", "user:ann@example.com", "system", ""]
    with context.within(context.PLATFORM), transaction.atomic(), CaptureQueriesContext(connection) as queries:
        called = names.all_called(asked)
    assert len([query for query in queries.captured_queries if 'FROM "api_key"' in query["sql"]]) == 1
    assert [called[each] for each in asked] == [
        *["API key billing"] * 3,
        "API key gone",
        "ann@example.com",
        "system",
        "–",
    ]
