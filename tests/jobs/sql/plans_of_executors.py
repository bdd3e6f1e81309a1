"""What the statements of executors.sql must be found by; see test_plans.py."""

from __future__ import annotations

#: Executors themselves are few. What is published or runs for one is found among what is in flight.
EXECUTORS = {
    "wake_served": {
        "execution_parked",
        "execution_ready",
        "execution_in_flight",
        "job_revision_once",
        "execution_pkey",
    },
    "park_unserved": {"execution_ready", "execution_in_flight", "job_revision_once", "execution_pkey"},
    "hold_executor": {"execution_owned"},
    "claimable": {"execution_in_flight", "job_revision_once"},
    "have_something": {"execution_in_flight", "job_revision_once"},
    "hold_claim": {"execution_pkey", "job_pkey", "job_revision_once"},
    "last_line": {"execution_log_order"},
    "logged": {"execution_log_order"},
    "held_by": {"execution_owned"},
    "overdue_claims": {"execution_owned", "job_pkey", "job_revision_once"},
}

NOTHING_TO_FIND = {"append_sent": "inserts"}
