"""Reads: a log's page is bounded in bytes, and only one partition is asked for what belongs to an execution."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.db import connection, transaction

from jobs import selectors
from jobs.rules import identity
from tenants import context
from tests.support import ids, rows

EVERY = frozenset({"info"})


def _log(of: Any, execution: Any, first: int, messages: list[str]) -> None:
    lines = json.dumps([[rows.now().isoformat(), "info", "stdout", message] for message in messages])
    rows.change(
        "INSERT INTO execution_log (id, tenant_id, execution_id, attempt, epoch, first_seq, last_seq, lines)"
        " VALUES (%s, %s, %s, 1, 1, %s, %s, %s::text::jsonb)",
        ids.child_of(execution), of[1], execution, first, first + len(messages) - 1, lines,
    )  # fmt: skip


def test_a_page_of_long_lines_ends_early_and_says_where_to_go_on():
    of = rows.job()
    execution = rows.execution(of, "running")
    long = "x" * 60_000
    for first in range(1, 31):
        _log(of, execution, first, [long])
    seen, after = [], 0
    with context.within(context.Scope(tenant_id=of[1])), transaction.atomic():
        while after is not None:
            lines, after = selectors.log(execution, after=after, levels=EVERY, limit=1000)
            assert sum(len(line["message"]) for line in lines) < 2 * selectors.LOG_PAGE_CHARS
            seen += [line["seq"] for line in lines]
    assert seen == list(range(1, 31))


def test_only_the_executions_own_partition_is_read():
    of = rows.job()
    execution = rows.execution(of, "succeeded", id=identity.request_id(rows.now() + timedelta(days=8)))
    with context.within(context.Scope(tenant_id=of[1])), transaction.atomic(), connection.cursor() as cursor:
        query, parameters = selectors.attempts(execution).query.sql_with_params()
        cursor.execute(f"EXPLAIN (FORMAT JSON) {query}", parameters)
        plan = json.dumps(cursor.fetchone()[0])
    assert plan.count('"Relation Name"') == 1
