"""Each hot statement goes by an index, whatever values it is run with: among many rows it touches only its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jobs import sql
from tests.jobs.sql import many_rows, plans_of_artifacts, plans_of_executors
from tests.support import logins, rows, statements

#: What the statement must be found by, wherever rows are many.
EXPECTED = {
    "wake_parked": {"execution_parked", "execution_in_flight", "execution_keyed", "execution_let_go", "event_order"},
    "capacity": {"execution_published", "execution_in_background"},
    "paces": {"execution_by_state", "execution_by_job"},
    "ended_lately": {"event_order", "job_pkey"},
    "job_stats": {"execution_by_job"},
    "crowd": {"schedule_upcoming"},
    "next_instants": {
        "execution_ripening",
        "execution_ready",
        "schedule_due",
        "job_throttle_end",
        "maintenance_open",
        "maintenance_over",
        "workflow_run_to_plan",
    },
    "ripen": {"execution_ripening", "execution_overlapping"},
    "postpone": {"execution_pkey"},
    "admit": {
        "execution_ready",
        "execution_in_flight",
        "execution_keyed",
        "execution_of_operation",
        "maintenance_open",
    },
    "withdraw": {"execution_published", "execution_in_flight", "execution_closing", "maintenance_open", "job_pkey"},
    "claim": {"execution_pkey", "job_pkey"},
    "attend": {"execution_pkey"},
    "append_log": {"execution_pkey"},
    "end_running": {"execution_pkey", "attempt_pkey", "attempt_of_execution", "execution_parked"},
    "put_back": {"execution_pkey", "attempt_pkey", "attempt_of_execution", "execution_parked"},
    "end_waiting": {"execution_pkey"},
    "request_cancel": {"execution_pkey"},
    "unblock": {"execution_pkey"},
    "lost_owners": {"execution_owned"},
    "claimed_by": {"execution_owned"},
    "queued_counts": {"execution_published"},
    "publish_again": {"execution_published"},
    "held_of_deleted": {"execution_parked", "job_pkey"},
    "end_waiting_of_job": {"execution_by_job"},
    "lock_due_schedules": {"schedule_due", "job_pkey"},
    "advance_schedules": {"schedule_pkey"},
    "return_runs": {"schedule_pkey"},
    "windows_near": {"maintenance_open", "maintenance_lately"},
    "windows_over": {"maintenance_over"},
    "look_again": {"schedule_due"},
    "queue_shares": {"execution_pkey", "attempt_of_execution"},
    "raise_waiting": {"execution_ready", "execution_parked", "execution_pkey"},
    "look_again_of_jobs": {"schedule_of_job"},
    "tell_ended": {"job_pkey"},
    "closed_meanwhile": {"execution_closing"},
    "waiting_for_hours": {"execution_by_schedule"},
    "forget_workers": {"execution_owned"},
    "queue_is_busy": {"execution_by_state"},
    "take_room": {"quota_room_pkey"},
    "count_jobs": {"job_by_name"},
    "count_schedules": {"schedule_tenant_key"},
    "count_unfinished": {"execution_by_state"},
    "count_in_state": {"execution_by_state"},
    "count_usage": {"event_order", "attempt_of_execution", "execution_log_order", "execution_pkey"},
    "make_messages": {"event_order", "job_with_channels"},
    "take_messages": {"channel_message_due", "channel_message_pkey", "execution_pkey", "job_pkey"},
    "message_sent": {"channel_message_pkey"},
    "message_not_sent": {"channel_message_pkey"},
    "forget_messages": {"channel_message_age", "channel_message_pkey"},
    "expire_executions": {"execution_recent"},
    "cancel_all": {"execution_pkey"},
    "skip_all": {"execution_pkey"},
    "ask_approval": {"execution_pkey"},
    "decide_approval": {"approval_waiting", "execution_pkey"},
    "withdraw_approvals": {"approval_waiting", "execution_pkey"},
    "tell_of_run": {"workflow_run_pkey"},
    "prune_approvals": {"approval_ended", "approval_pkey"},
    "take_operation": {"operation_to_step"},
    "next_operation": {"operation_to_step"},
    "select_by_state": {"execution_by_state"},
    "select_of_job": {"execution_by_job"},
    "skip_of_operation": {"execution_of_operation"},
    "count_of_operation": {"execution_of_operation"},
    "cuts_of_operation": {"execution_of_operation"},
    "runs_of_slots": {"execution_by_schedule", "execution_backfilled"},
    "replays_of": {"execution_replays"},
    "prune_operations": {"operation_ended", "operation_pkey"},
    "group_failures": {"execution_by_state", "job_pkey"},
    "watch": {"execution_pkey", "execution_log_order"},
    "timelines": {"execution_pkey", "attempt_of_execution", "event_pkey"},
    "lines_after": {"execution_log_order"},
    "expire_reservations": {"reservation_expiry", "reservation_pkey", "execution_pkey"},
    "holder_of_key": {"reservation_once", "execution_pkey"},
    "lock_key": {"reservation_once"},
    "take_key_over": {"reservation_pkey"},
    "settle": {"execution_by_schedule", "execution_pkey"},
    "schedules_waiting_for": {"schedule_awaited", "job_pkey"},
    "lock_counted_schedules": {"schedule_pkey"},
    "count_runs": {"schedule_pkey"},
    "reserve_event": {"reservation_once"},
    "first_event": {"reservation_once"},
    "calendars_named": {"calendar_name_once"},
    "hold_calendars": {"calendar_name_once"},
    "schedules_using": {"schedule_with_calendars"},
    "replan_users": {"schedule_with_calendars"},
    "rename_in_schedules": {"schedule_with_calendars"},
    "executions_there": {"execution_pkey"},
    "forget_events": {"received_event_age", "received_event_pkey"},
    "create": {"dependency_starting"},
    "lock_members": {"execution_of_run"},
    "supersede": {"execution_pkey"},
    "tell_again": {"execution_of_run"},
    "poke_gates": {"event_order", "execution_gated"},
    "lock_gated": {"execution_to_decide"},
    "gated_slot": {"execution_pkey"},
    "slot_behind": {"execution_pkey"},
    "results_of": {"execution_pkey"},
    "gates_of": {"dependency_gating", "execution_by_job"},
    "decide_later": {"execution_pkey"},
    "resume": {"execution_suspended"},
    "wake": {"execution_pkey"},
    "cancel_orphans": {"workflow_run_of_parent", "workflow_run_pkey", "execution_pkey"},
    "fill_payload": {"execution_pkey"},
    "ended_children": {"execution_of_run"},
    "count_children": {"execution_of_run"},
    "draw_below": {"workflow_run_pkey"},
    "prune_bookmarks": {"job_by_state", "bookmark_once"},
    "count_failures": {"job_pkey"},
    "forget_failures": {"job_pkey"},
    "expire": {"execution_expiring"},
    "runs_to_move": {"workflow_run_to_plan", "workflow_run_cancelling", "execution_to_tell", "execution_of_run"},
    "steps_of_run": {"execution_of_run"},
    "read_graph": {"dependency_starting", "job_pkey"},
    "name_step": {"execution_pkey"},
    "tell": {"execution_pkey"},
    "lock_waiting_steps": {"execution_of_run"},
    "upstream_results": {"execution_pkey", "workflow_run_pkey", "execution_of_run"},
    "prune_runs": {"workflow_run_ended", "workflow_run_pkey"},
    **plans_of_artifacts.EXPECTED,
    **plans_of_executors.EXECUTORS,
}

#: Statements that read no table which grows, and what they do instead.
NOTHING_TO_FIND = {
    "lock_admission": "takes a lock",
    "hold_secret_names": "takes a lock",
    "clock": "reads the clock",
    "take_key": "inserts",
    "wait_briefly": "sets a limit",
    "hold_dependencies": "takes a lock",
    "open_recoveries": "inserts, one row a tenant",
    "renew_lease": "touches one of a few workers",
    "end_lease": "touches one of a few workers",
    "roll_windows": "touches the few that it is given",
    "pulse": "touches one of a few rows",
    "prune_resolutions": "looks at the few kinds of failure that somebody decided on, once an hour",
    "allow_minutes": "changes settings",
    "wait_in_line": "changes settings",
    "make_partition": "calls a function of the owner's",
    "drop_partitions": "calls a function of the owner's",
    "draw": "calls a function, which counts as count_unfinished does",
    "lock_quota": "takes a lock",
    "lock_calendars": "takes a lock",
    "let_calendars_be": "takes a lock",
    "note_room": "writes one row by its key",
    "kept_shorter": "looks at tenants once an hour",
    "readers_of_jobs": "looks at the locks that are held",
    "prune_buckets": "looks at the few buckets that are not full",
    "renaming_is_over": "changes a setting",
    "default_rows": "counts in partitions that are empty, or there is an alarm",
    **plans_of_executors.NOTHING_TO_FIND,
}


@pytest.fixture(scope="module", autouse=True)
def _many_rows() -> Iterator[None]:
    logins.empty()
    rows.worker()
    rows.change("SET session_replication_role = replica")  # as quick as can be, and no trigger at work
    for statement in many_rows.FILL:
        rows.change(statement)
    rows.change("RESET session_replication_role")
    rows.change("ANALYZE")
    yield
    rows.change(f"TRUNCATE {', '.join(many_rows.TABLES)} CASCADE")
    rows.change("ANALYZE")


@pytest.fixture(scope="module")
def parents() -> dict[str, str]:
    """The parent's index of each partition's index."""
    return dict(rows.fetch("SELECT inhrelid::regclass::text, inhparent::regclass::text FROM pg_inherits"))


@pytest.fixture(scope="module")
def full(_many_rows: None) -> set[str]:
    """The tables that hold many rows: of the partitioned ones, this week's."""
    return {row[0] for row in rows.fetch("SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples > 1000")}


def test_every_statement_has_its_plan_expected():
    assert set(EXPECTED) | set(NOTHING_TO_FIND) == set(sql.statements())
    assert not set(EXPECTED) & set(NOTHING_TO_FIND)


@pytest.mark.parametrize("name", EXPECTED)
def test_statement_goes_by_its_indexes(name, parents, full):
    with statements.explaining("app" if name in statements.OF_THE_APP else "engine") as connection:
        nodes = statements.plan(connection, name)
    used = {parents.get(node["Index Name"], node["Index Name"]) for node in nodes if "Index Name" in node}
    assert used >= EXPECTED[name], statements.readable(nodes)
    assert not {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"} & full, statements.readable(
        nodes
    )
