"""Many write to the audit trail and several engines seal it, all at once."""

from __future__ import annotations

import threading

import pytest
from django.db import transaction

from tenants.services import audit, audit_sealing
from tests.support import rows, threads, trail

WRITERS, SEALERS, EACH = 50, 3, 6


@pytest.mark.usefixtures("empty_database")
def test_fifty_writers_and_three_sealers_leave_one_chain_without_fork_or_gap(as_engine):
    tenants = [trail.Tenant(pk=rows.tenant()) for _ in range(4)]
    left = threading.Semaphore(0)
    done = threading.Event()

    def write(number: int) -> None:
        try:
            for _ in range(EACH):
                with transaction.atomic():
                    tenant = tenants[number % 5] if number % 5 < 4 else None
                    audit.record(action="job.updated", object_type="job", object_id=str(number), tenant=tenant)
        finally:
            left.release()

    def seal() -> int:
        batches = 0
        while not done.is_set():
            batches += audit_sealing.seal_new() is not None
        return batches

    def wait() -> int:
        for _ in range(WRITERS):
            left.acquire(timeout=120)
        done.set()
        return 0

    writing = [lambda number=number: write(number) for number in range(WRITERS)]
    threads.together([*writing, *[seal] * SEALERS, wait])
    while audit_sealing.seal_new():
        pass

    many = WRITERS * EACH
    assert rows.fetch("SELECT count(*), count(DISTINCT event_id), min(number), max(number) FROM audit_seal") == [
        (many, many, 1, many)
    ]
    chains = rows.fetch(
        "SELECT count(*), min(position), max(position), count(DISTINCT position) FROM audit_seal GROUP BY tenant_id"
    )
    assert sorted(chains) == [(many // 5, 1, many // 5, many // 5)] * 5
    assert trail.found() == []
    assert rows.fetch("SELECT 1 FROM audit_unsealed") == []
