"""Arguments for every named statement, and how PostgreSQL would run it when it is planned once for all values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import sql as composed
from psycopg.adapt import PyFormat, Transformer
from psycopg.types.json import Jsonb

from jobs import sql
from jobs.engine.admission import LOCK_KEY
from jobs.engine.records import Ending, Fence, Line, Tail
from jobs.rules import identity
from tests.support import ids, rows, servers
from tests.support.statements_of_artifacts import ARTIFACTS
from tests.support.statements_of_executors import EXECUTORS

NOTHING = {"error_code": "", "error_message": "", "error_fingerprint": ""}
LINES: list[Line] = [["2026-01-01T00:00:00+00:00", "info", "stdout", "hello"]]
LOG = {"lines": Jsonb(LINES), "first_seq": 1}
#: Of this week, so that the plan is that of the week which is full.
EXECUTION = identity.request_id(rows.now())
FENCE = {"id": EXECUTION, "attempt_id": ids.child_of(EXECUTION), "epoch": 1}
ENDING = Ending(fence=Fence(**FENCE), tail=Tail(first_seq=1, lines=LINES))
RUNNING = {"sources": ["running"], "rows": Jsonb([ENDING.row()]), **NOTHING, "crashes": 0}
#: As jobs.timelines bounds them.
OF_STREAMS = {"ids": [EXECUTION], "lows": [EXECUTION], "highs": [EXECUTION]}
OF_RUN = {"run": EXECUTION, "low": EXECUTION, "high": EXECUTION}

#: By statement; each shape is the one its only caller uses.
ARGUMENTS: Mapping[str, Mapping[str, Any]] = {
    "ask_approval": {
        "execution_id": EXECUTION, "question": "now?", "roles": Jsonb([]), "members": Jsonb([]), "api_keys": Jsonb([]),
        "not_by_requester": False, "limit": timedelta(days=1), "by_default": "fail",
    },
    "decide_approval": {
        "id": EXECUTION, "state": "approved", "by": "user:a@b.c", "reason": "", "is_late": False, "live": ["blocked"],
    },
    "withdraw_approvals": {"live": ["blocked"], "limit": 500},
    "prune_resolutions": {"age": timedelta(days=90)},
    "tell_of_run": {"run": EXECUTION, "word": "started"},
    "prune_approvals": {"tenant_id": None, "age": timedelta(days=90), "limit": 10_000},
    "lock_admission": {"key": LOCK_KEY},
    "wake_parked": {"horizon": "1", "after": "", "page": 500},
    "held_of_deleted": {},
    "capacity": {},
    "ended_lately": {
        "tenant_id": uuid4(), "queue": "default", "job_id": None, "kinds": ["execution.succeeded"],
        "window": timedelta(minutes=5), "most": 2000,
    },
    "job_stats": {
        "tenant_id": uuid4(), "job_id": uuid4(), "low": UUID(int=0), "high": EXECUTION, "most": 10_000,
    },
    "paces": {"tenants": [uuid4()], "jobs": [uuid4()], "least": 3},
    "next_instants": {},
    "crowd": {"tenant": uuid4(), "besides": None, "low": rows.now(), "high": rows.now(), "most": 1000},
    "hold_secret_names": {"job": str(uuid4())},
    "clock": {},
    "renew_lease": {
        "id": uuid4(), "name": "w", "queues": ["default"], "pool": "prefork", "concurrency": 1, "pid": 1, "pids": [1],
        "refuses": Jsonb({}), "draining": False, "lease": timedelta(seconds=30),
    },
    "end_lease": {"id": uuid4()},
    "forget_workers": {},
    "pulse": {"name": "watch"},
    "attend": {"ids": [EXECUTION], "epochs": [1]},
    "append_log": {"id": EXECUTION, "epoch": 1, **LOG},
    "lock_due_schedules": {"horizon": rows.now(), "only": None, "limit": 500},
    "advance_schedules": {"rows": Jsonb([])},
    "create": {"rows": Jsonb([])},
    "claim": {
        "ids": [EXECUTION], "attempts": [1], "worker_id": uuid4(), "worker": "w", "pid": 1, "target": "running", "sources": ["queued"],
    },
    "end_running": {**RUNNING, "target": "succeeded", "attempt_state": "succeeded"},
    "put_back": {**RUNNING, "kind": "execution.retried", "target": "scheduled", "attempt_state": "failed", "step": 1, "delay": timedelta(seconds=1), "at_most": None},
    "end_waiting": {"id": EXECUTION, "target": "cancelled", "sources": ["pending"], "reason": "", **NOTHING},
    "end_waiting_of_job": {"tenant_id": uuid4(), "job_id": uuid4(), "target": "cancelled", "sources": ["pending"]},
    "request_cancel": {"id": EXECUTION},
    "resume": {"limit": 500, "target": "scheduled", "sources": ["blocked"]},
    "wake": {"ids": [EXECUTION]},
    "cancel_orphans": {"limit": 500},
    "fill_payload": {"id": EXECUTION, "payload": Jsonb({}), "concurrency_key": ""},
    "ended_children": {**OF_RUN, "most": 65536},
    "count_children": OF_RUN,
    "draw_below": {"top": str(uuid4()), "wanted": 1, "most": 10_000},
    "prune_bookmarks": {"limit": 500},
    "unblock": {"ids": [EXECUTION], "target": "scheduled", "sources": ["blocked"]},
    "ripen": {"now": rows.now(), "limit": 2000, "target": "pending", "sources": ["scheduled"]},
    "admit": {"queue": "default", "room": 50, "most": 50, "lane": 1, "target": "queued", "sources": ["pending"]},
    "lost_owners": {"after": UUID(int=0), "lease": timedelta(seconds=30), "late": timedelta(minutes=2), "limit": 500},
    "claimed_by": {"ids": [EXECUTION], "worker_id": uuid4(), "pid": 1},
    "queued_counts": {},
    "publish_again": {"queue": "default", "limit": 50},
    "allow_minutes": {},
    "make_partition": {"parent": "event", "ahead": timedelta()},
    "drop_partitions": {"parent": "event", "age": timedelta(days=90)},
    "default_rows": {},
    "expire_reservations": {"limit": 100},
    "prune_buckets": {},
    "queue_shares": {
        "queue": "default", "since": rows.now(), "until": rows.now(), "low": EXECUTION, "high": UUID(int=EXECUTION.int + (1 << 80)), "most": 1000,
    },
    "raise_waiting": {"after": "", "page": 500, "limit": 500, "most": 5000},
    "queue_is_busy": {"queue": "default", "states": ["pending", "running"]},
    "readers_of_jobs": {},
    "draw": {"tenant_id": uuid4(), "wanted": 1, "most": 100},
    "lock_calendars": {"tenant_id": str(uuid4())},
    "let_calendars_be": {"tenant_id": str(uuid4())},
    "lock_quota": {"quota": "jobs", "tenant_id": str(uuid4())},
    "take_room": {"id": uuid4(), "most": 10_000},
    "note_room": {"id": uuid4(), "tenant_id": uuid4(), "most": 10_000, "room": 1},
    "count_jobs": {"tenant_id": uuid4(), "most": 100},
    "count_schedules": {"tenant_id": uuid4(), "most": 100},
    "count_unfinished": {"tenant_id": uuid4(), "most": 100},
    "count_in_state": {"tenant_id": uuid4(), "state": "pending", "most": 100},
    "count_usage": {"limit": 5000},
    "kept_shorter": {},
    "expire_executions": {"tenant_id": uuid4(), "age": timedelta(days=7), "limit": 500},
    "skip_all": {"ids": [EXECUTION], "target": "skipped", "sources": ["pending"], "reason": "", "because": ""},
    "cancel_all": {"ids": [EXECUTION], "target": "cancelled", "sources": ["pending"]},
    "make_messages": {"limit": 5000, "horizon": timedelta(days=1)},
    "take_messages": {"limit": 8, "first": 30.0},
    "message_sent": {"id": uuid4()},
    "message_not_sent": {"id": uuid4(), "problem": "", "final": False, "most": 8},
    "forget_messages": {"age": timedelta(days=90), "limit": 100},
    "take_operation": {"kinds": ["cancel"]},
    "next_operation": {"kinds": ["cancel"]},
    "select_by_state": {"states": ["pending", "queued"], "tenant_id": uuid4(), "after": UUID(int=0), "before": EXECUTION, "size": 1000},
    "select_of_job": {"job_id": uuid4(), "tenant_id": uuid4(), "after": UUID(int=0), "before": EXECUTION, "size": 1000},
    "skip_of_operation": {
        "operation_id": uuid4(), "everything": True, "before": None, "cuts": Jsonb({}), "limit": 500, "reason": "NO_LONGER_NEEDED",
        "target": "skipped", "sources": ["pending", "scheduled"],
    },
    "open_recoveries": {
        "kind": "recovery", "reason": "because", "rate": 50.0, "max_active": 4, "created_by": "system", "rows": Jsonb([]),
    },
    "count_of_operation": {
        "operation_id": uuid4(), "states": ["failed", "running"], "low": EXECUTION, "high": UUID(int=EXECUTION.int + (1 << 80)),
    },
    "cuts_of_operation": {"operation_id": uuid4(), "keep": 1},
    "runs_of_slots": {"tenant_id": uuid4(), "schedule_id": uuid4(), "slots": [rows.now()], "lows": [EXECUTION], "highs": [EXECUTION]},
    "replays_of": {"tenant_id": uuid4(), "ids": [EXECUTION]},
    "prune_operations": {"age": timedelta(days=90), "limit": 100},
    "group_failures": {
        "tenant_id": uuid4(), "since": UUID(int=0), "job_id": None, "fingerprint": None, "most": 10_000, "largest": True, "limit": 50,
    },
    "watch": OF_STREAMS,
    "timelines": {**OF_STREAMS, "epochs": [1], "most": 100},
    "lines_after": {**OF_STREAMS, "seqs": [0], "most": 5},
    "settle": {"rows": Jsonb([]), "target": "scheduled", "sources": ["scheduled"]},
    "schedules_waiting_for": {"tenant_id": uuid4(), "names": ["a.b", "*", "a.*"], "limit": 101},
    "wait_in_line": {"wait": "10s", "longer": "11s"},
    "lock_counted_schedules": {"ids": [uuid4()]},
    "count_runs": {"ids": [uuid4()]},
    "reserve_event": {"tenant_id": None, "of": "a", "key": "k", "id": uuid4(), "window": timedelta(hours=24)},
    "first_event": {"tenant_id": uuid4(), "of": "a", "key": "k"},
    "take_key": {
        "id": uuid4(), "tenant_id": None, "scope": "dedup:a", "key": "k", "execution_id": uuid4(), "seconds": 60.0,
    },
    "holder_of_key": {"tenant_id": uuid4(), "scope": "dedup:a", "key": "k"},
    "lock_key": {"tenant_id": uuid4(), "scope": "dedup:a", "key": "k"},
    "take_key_over": {"id": uuid4(), "execution_id": uuid4(), "seconds": 60.0},
    "forget_events": {"age": timedelta(days=7), "limit": 100},
    "postpone": {"rows": Jsonb([]), "target": "scheduled", "sources": ["pending", "scheduled"]},
    "return_runs": {"schedules": [uuid4()]},
    "windows_near": {"since": rows.now(), "horizon": rows.now(), "jobs": [uuid4()]},
    "windows_over": {"limit": 500},
    "roll_windows": {"rows": Jsonb([])},
    "tell_ended": {"job_id": uuid4()},
    "look_again": {"closes_at": rows.now()},
    "look_again_of_jobs": {"jobs": [uuid4()]},
    "closed_meanwhile": {"limit": 500},
    "waiting_for_hours": {"tenant_id": uuid4(), "schedule_id": uuid4()},
    "calendars_named": {"tenants": [uuid4()], "names": ["germany"], "known": ["a digest"]},
    "hold_calendars": {"tenant_id": uuid4(), "names": ["germany"]},
    "schedules_using": {"tenant_id": uuid4(), "names": ["germany"], "most": 100},
    "replan_users": {"tenant_id": uuid4(), "names": ["germany"]},
    "rename_in_schedules": {"tenant_id": uuid4(), "before": "germany", "after": "austria"},
    "renaming_is_over": {},
    "executions_there": {"ids": [EXECUTION]},
    "withdraw": {"limit": 100, "target": "pending", "sources": ["queued"]},
    "runs_to_move": {"limit": 200, "most": 2000},
    "steps_of_run": OF_RUN,
    "read_graph": {"root": uuid4()},
    "lock_members": {"run": EXECUTION},
    "supersede": {"ids": [EXECUTION]},
    "tell_again": {"run": EXECUTION, "steps": ["extract"]},
    "poke_gates": {"horizon": "1", "limit": 50},
    "lock_gated": {"limit": 50},
    "gated_slot": {"id": EXECUTION},
    "slot_behind": {"id": EXECUTION, "most": 20},
    "results_of": {"ids": [EXECUTION], "most": 1000},
    "gates_of": {"downstream": uuid4(), "at": rows.now(), "before": rows.now(), "low": EXECUTION, "high": EXECUTION},
    "decide_later": {"id": EXECUTION, "at": rows.now()},
    "hold_dependencies": {"tenant": uuid4()},
    "count_failures": {"ids": [uuid4()]},
    "forget_failures": {"ids": [uuid4()]},
    "expire": {
        "limit": 100, "sources": ["pending", "queued", "scheduled"], "skipped": "skipped", "failed": "failed", "reason": "EXPIRED",
        **NOTHING,
    },
    "wait_briefly": {},
    "name_step": {"id": EXECUTION, "step": "a"},
    "tell": {"ids": [EXECUTION]},
    "lock_waiting_steps": OF_RUN,
    "upstream_results": {"id": EXECUTION, "low": EXECUTION, "high": EXECUTION, "most": 1000},
    **ARTIFACTS,
    "prune_runs": {"tenant_id": None, "age": timedelta(days=90), "limit": 100},
    **EXECUTORS,
}  # fmt: skip
#: Statements of services alone: the engine has no right to them.
OF_THE_APP = {"hold_calendars", "hold_executor"}


@contextmanager
def explaining(role: str = "engine") -> Iterator[psycopg.Connection[Any]]:
    """A connection of a role's, whose every plan is the one for all values."""
    with psycopg.connect(servers.URLS[role], options="-c plan_cache_mode=force_generic_plan -c jit=off") as connection:
        yield connection
        connection.rollback()


def plan(connection: psycopg.Connection[Any], name: str) -> list[dict[str, Any]]:
    """All nodes of the plan of a statement."""
    arguments = ARGUMENTS[name]
    order = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", sql.statements()[name])))
    body = re.sub(r"%\((\w+)\)s", lambda found: f"${order.index(found[1]) + 1}", sql.statements()[name])
    types = ", ".join(_type_of(connection, arguments[parameter]) for parameter in order)
    values = composed.SQL(", ").join(composed.Literal(arguments[parameter]) for parameter in order)
    connection.execute(f"PREPARE explained{f'({types})' if order else ''} AS {body}".encode())
    call = composed.SQL(
        "EXPLAIN (FORMAT JSON) EXECUTE explained({})" if order else "EXPLAIN (FORMAT JSON) EXECUTE explained"
    )
    found = connection.execute(call.format(values) if order else call).fetchone()
    connection.execute("DEALLOCATE explained")
    assert found is not None
    return list(_nodes(found[0][0]["Plan"]))


def _type_of(connection: psycopg.Connection[Any], value: Any) -> str:
    """The type the driver gives a parameter; text and NULL take theirs from the statement."""
    oid = Transformer(connection).get_dumper(value, PyFormat.AUTO).oid if value is not None else 0
    info = connection.adapters.types.get(oid)
    if info is None:
        return "unknown"
    return f"{info.name}[]" if oid == info.array_oid else info.name


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from _nodes(child)


def readable(nodes: list[dict[str, Any]]) -> str:
    """For the message of a failed assertion."""
    keys = ("Node Type", "Relation Name", "Index Name", "Alias")
    return json.dumps([{key: node[key] for key in keys if key in node} for node in nodes], indent=1)
