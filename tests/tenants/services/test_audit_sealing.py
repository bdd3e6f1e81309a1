"""New rows are sealed soon, once, in one chain, whoever seals, and whoever dies over it."""

from __future__ import annotations

import threading
from unittest import mock

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from psycopg import errors

from tasks import engine_process
from tenants.models import AuditSeal
from tenants.rules import audit_chain
from tenants.services import audit_sealing
from tests.support import logins, rows, servers, threads, trail

pytestmark = pytest.mark.usefixtures("empty_database")


def chain():
    return rows.fetch("SELECT number, event_id, tenant_id, position FROM audit_seal ORDER BY number")


def test_rows_are_sealed_in_their_order_each_in_its_tenants_chain_and_in_the_installations():
    one, other = trail.tenant(), trail.tenant()
    first, second, third, fourth = (trail.write(of)[0] for of in (one, other, None, one))
    head = trail.seal()
    assert chain() == [
        (1, first, one.pk, 1), (2, second, other.pk, 1), (3, third, None, 1), (4, fourth, one.pk, 2),
    ]  # fmt: skip
    assert (head.chain, head.number) == (audit_chain.INSTALLATION, 4)
    with logins.engine():
        assert audit_sealing.head() == head
        assert [audit_sealing.head_of(of).number for of in (one.pk, other.pk, None)] == [2, 1, 1]


def test_an_idle_system_is_asked_one_question_and_nothing_is_written():
    trail.sealed(trail.tenant())
    with logins.engine(), CaptureQueriesContext(connection) as queries:
        assert audit_sealing.seal_new() is None
    (query,) = queries.captured_queries
    assert query["sql"].startswith("SELECT 1")
    assert "audit_unsealed" in query["sql"]


def test_what_piled_up_is_sealed_batch_by_batch(monkeypatch):
    monkeypatch.setattr(audit_sealing, "BATCH", 4)
    written = trail.write(trail.tenant(), 10)
    with logins.engine():
        heads = [audit_sealing.seal_new() for _ in range(4)]
    assert [head.number if head else None for head in heads] == [4, 8, 10, None]
    assert [row[1] for row in chain()] == written
    assert trail.found() == []


def test_a_row_that_commits_late_is_sealed_after_rows_with_higher_ids():
    tenant = trail.tenant()

    def slow(written: threading.Event, go: threading.Event):
        with trail.context.within(trail.context.PLATFORM), transaction.atomic():
            trail.audit.record(action="a", object_type="b", object_id="late", tenant=tenant)
            written.set()
            assert go.wait(30)

    written, go = threading.Event(), threading.Event()
    thread = threading.Thread(target=threads.together, args=([lambda: slow(written, go)],))
    thread.start()
    assert written.wait(30)
    early = trail.sealed(tenant)
    go.set()
    thread.join()
    trail.seal()
    late = [row[0] for row in rows.fetch("SELECT id FROM audit_event WHERE object_id = 'late'")]
    assert late < early
    assert [row[1] for row in chain()] == [*early, *late]
    assert trail.found() == []


def test_a_sealer_that_dies_in_the_midst_leaves_everything_as_it_was():
    written = trail.write(trail.tenant(), 3)
    dying = mock.patch.object(AuditSeal.objects, "bulk_create", side_effect=KeyboardInterrupt)
    with logins.engine(), dying, pytest.raises(KeyboardInterrupt):
        audit_sealing.seal_new()
    assert chain() == []
    trail.seal()
    assert [row[1] for row in chain()] == written


def test_a_sealer_whose_connection_is_cut_in_the_midst_leaves_no_gap():
    written = trail.write(trail.tenant(), 3)
    create = AuditSeal.objects.bulk_create

    def cut(seals):
        create(seals)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            rows.fetch("SELECT pg_terminate_backend(%s)", cursor.fetchone()[0])

    with logins.engine(), mock.patch.object(AuditSeal.objects, "bulk_create", cut), pytest.raises(DatabaseError):
        audit_sealing.seal_new()
    assert chain() == []
    trail.seal()
    assert [row[1] for row in chain()] == written
    assert trail.found() == []


def test_while_one_seals_another_does_nothing():
    trail.write(trail.tenant())
    with servers.superuser() as other, logins.engine():
        other.execute("SELECT pg_advisory_lock(%s)", [audit_sealing.LOCK_KEY])
        assert audit_sealing.seal_new() is None
    assert chain() == []


def test_a_row_that_was_deleted_and_put_in_again_does_not_stop_the_sealer():
    tenant = trail.tenant()
    trail.sealed(tenant)
    rows.change("CREATE TEMPORARY TABLE kept AS SELECT * FROM audit_event")
    rows.change("DELETE FROM audit_event")
    rows.change("INSERT INTO audit_event SELECT * FROM kept")
    rows.change("DROP TABLE kept")
    assert trail.sealed(tenant)
    assert trail.found() == []


@pytest.mark.parametrize("role", ["app", "engine"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET actor = 'x'", "DELETE FROM audit_event", "TRUNCATE audit_event",
        "UPDATE audit_seal SET number = 0", "DELETE FROM audit_seal", "TRUNCATE audit_seal",
        "INSERT INTO audit_unsealed VALUES (gen_random_uuid())", "UPDATE audit_unsealed SET event_id = gen_random_uuid()",
        "ALTER TABLE audit_event DISABLE TRIGGER audit_row_written", "SET session_replication_role = replica",
    ],
)  # fmt: skip
def test_neither_app_nor_engine_can_change_or_delete_rows_or_seals(role, statement):
    trail.sealed(trail.tenant())
    with psycopg.connect(servers.URLS[role]) as own:
        own.execute("SELECT set_config('carillon.platform', 'on', true)")
        with pytest.raises(errors.InsufficientPrivilege):
            own.execute(statement)


def test_the_app_can_make_no_seal_and_take_nothing_from_what_waits():
    trail.write(trail.tenant())
    for statement in ("INSERT INTO audit_seal SELECT * FROM audit_seal", "DELETE FROM audit_unsealed"):
        with psycopg.connect(servers.URLS["app"]) as own, pytest.raises(errors.InsufficientPrivilege):
            own.execute(statement)


def test_a_change_that_is_rolled_back_leaves_nothing_to_seal():
    with trail.actors.platform():
        trail.audit.record(action="a", object_type="b", object_id="c", tenant=None)
        transaction.set_rollback(True)
    assert rows.fetch("SELECT 1 FROM audit_unsealed") == []


def test_the_engines_thread_seals_and_logs_where_the_chain_stands_once_a_minute(monkeypatch):
    told = []
    monkeypatch.setattr(engine_process.log, "info", lambda event, **values: told.append((event, values)))
    sealer = engine_process.Sealer()
    tenant = trail.tenant()
    for _ in range(2):
        trail.write(tenant)
        with logins.engine():
            sealer.seal()
    assert [row[0] for row in chain()] == [1, 2]
    ((event, values),) = told
    assert (event, audit_chain.parse_anchor(values["anchor"]).number) == ("audit.anchored", 1)
    sealer._logged_at -= engine_process.ANCHOR_EVERY
    with logins.engine():
        sealer.seal()
    assert audit_chain.parse_anchor(told[1][1]["anchor"]).number == 2
