"""Whoever tampers with the trail, as a superuser of the database, is found, and the row is named."""

from __future__ import annotations

from datetime import timedelta
from unittest import mock
from uuid import uuid4

import pytest

from tenants.rules import audit_chain
from tenants.services import audit, audit_verification
from tests.support import rows, trail

pytestmark = pytest.mark.usefixtures("empty_database")


@pytest.fixture
def tenant():
    return trail.tenant()


@pytest.fixture
def five(tenant):
    """Five sealed rows of a tenant, with another's and the platform's among them."""
    other = trail.tenant()
    mine = []
    for _ in range(5):
        mine += trail.write(tenant)
        trail.write(other)
        trail.write(None)
    trail.seal()
    assert trail.found() == trail.found(tenant=tenant) == []
    return mine


EDITS = {
    "actor": "'user:nobody@example.com'", "action": "'job.created'", "object_type": "'queue'", "object_id": "'1'", "reason": "'x'",
    "changes": """'{"priority": [5, 7]}'""", "at": "at - interval '1 microsecond'", "request_id": "'r'", "address": "'127.0.0.9'",
    "tenant_id": "NULL",
}  # fmt: skip


@pytest.mark.parametrize("column", EDITS)
def test_an_edited_row_is_named(five, tenant, column):
    rows.change(f"UPDATE audit_event SET {column} = {EDITS[column]} WHERE id = %s", five[2])
    assert trail.found() == trail.found(tenant=tenant) == [("edited", str(five[2]))]


def test_a_deleted_row_is_named(five, tenant):
    rows.change("DELETE FROM audit_event WHERE id = %s", five[2])
    assert trail.found() == trail.found(tenant=tenant) == [("deleted", str(five[2]))]


def test_a_row_deleted_with_its_seal_is_missed(five, tenant):
    rows.change("DELETE FROM audit_event WHERE id = %s", five[2])
    rows.change("DELETE FROM audit_seal WHERE event_id = %s", five[2])
    assert trail.found() == trail.found(tenant=tenant) == [("missing", None)]


def test_a_row_whose_seal_alone_was_deleted_is_named(five, tenant):
    rows.change("DELETE FROM audit_seal WHERE event_id = %s", five[2])
    assert trail.found() == trail.found(tenant=tenant) == [("missing", None), ("unsealed", str(five[2]))]


def test_a_row_deleted_before_it_was_sealed_is_named(tenant):
    first, second = trail.write(tenant, 2)
    rows.change("DELETE FROM audit_event WHERE id = %s", first)
    trail.seal()
    assert trail.found() == [("deleted", str(first))]
    assert trail.found(tenant=tenant) == []
    assert [row[0] for row in rows.fetch("SELECT event_id FROM audit_seal ORDER BY number")] == [first, second]


def test_a_row_edited_before_it_was_sealed_is_named(tenant):
    (row,) = trail.write(tenant)
    rows.change("UPDATE audit_event SET actor = 'user:nobody' WHERE id = %s", row)
    trail.seal()
    assert trail.found() == [("inserted", str(row))]


@pytest.mark.parametrize("signature", [None, b"\x01" * 32], ids=["none", "wrong"])
def test_a_row_put_in_by_hand_is_named_although_it_was_sealed(five, tenant, signature):
    forged = uuid4()
    copied(
        five[2], forged, at="at - interval '1 hour'", action="'tenant.suspended'", signature="%s", values=[signature]
    )
    assert trail.found() == [("unsealed", str(forged))]  # as if it had waited for an hour
    trail.seal()
    assert trail.found() == trail.found(tenant=tenant) == [("inserted", str(forged))]


def test_a_row_put_in_and_kept_from_the_sealer_is_named(five):
    (row,) = trail.write(None)
    rows.change("DELETE FROM audit_unsealed")
    assert trail.found() == [("unsealed", str(row))]


def copied(row, copy, *, values=(), **columns):
    """Put a row in that is like another, but for its id and some columns."""
    names = [
        "tenant_id",
        "at",
        "actor",
        "action",
        "object_type",
        "object_id",
        "changes",
        "reason",
        "request_id",
        "address",
        "signature",
    ]
    chosen = ", ".join(columns.get(name, name) for name in names)
    statement = f"INSERT INTO audit_event (id, {', '.join(names)}) SELECT %s, {chosen} FROM audit_event WHERE id = %s"
    rows.change(statement, copy, *values, row)


def test_a_copy_of_a_row_with_its_signature_is_no_row(five):
    copy = uuid4()
    copied(five[2], copy)
    trail.seal()
    assert trail.found() == [("inserted", str(copy))]


def test_rows_whose_seals_changed_places_are_named(five):
    one, other = (rows.fetch("SELECT number FROM audit_seal WHERE event_id = %s", row)[0][0] for row in five[1:3])
    rows.change("UPDATE audit_seal SET number = -1 WHERE number = %s", one)
    rows.change("UPDATE audit_seal SET number = %s WHERE number = %s", one, other)
    rows.change("UPDATE audit_seal SET number = %s WHERE number = -1", other)
    found = trail.found()
    assert {kind for kind, _ in found} == {"reordered"}
    assert {str(five[1]), str(five[2])} <= {event for _, event in found}


def test_rows_that_changed_their_ids_are_named(five, tenant):
    spare = uuid4()
    for old, new in ((five[1], spare), (five[2], five[1]), (spare, five[2])):
        rows.change("UPDATE audit_event SET id = %s WHERE id = %s", new, old)
    expected = [("edited", str(five[1])), ("edited", str(five[2]))]
    assert trail.found() == trail.found(tenant=tenant) == expected


@pytest.mark.parametrize(
    "column", ["event_id", "seal", "previous_seal", "link", "previous_link", "sealed_at", "key_id"]
)
def test_a_seal_that_was_rewritten_is_named(five, column):
    value = {"event_id": uuid4(), "sealed_at": rows.now(), "key_id": "00000000"}.get(column, b"\x02" * 32)
    rows.change(f"UPDATE audit_seal SET {column} = %s WHERE event_id = %s", value, five[2])
    named = value if column == "event_id" else five[2]
    assert ("rewritten", str(named)) in trail.found()


def test_a_chain_rewritten_without_the_key_is_named_from_there_on(five):
    """Somebody without the key deletes a row and seals the rest anew, under a key of their own."""
    anchor = audit_chain.Anchor(
        "installation", *rows.fetch("SELECT number, link FROM audit_seal ORDER BY number DESC")[0]
    )
    forge_from(five[2], audit_chain.Key("a guess"))
    assert {kind for kind, _ in trail.found()} == {"rewritten"}
    assert [f.kind for f in trail.findings(anchors=[anchor])][-1] == "cut"


def test_a_chain_rewritten_with_the_key_is_found_by_an_anchor_alone(five):
    anchor = audit_chain.Anchor(
        "installation", *rows.fetch("SELECT number, link FROM audit_seal ORDER BY number DESC")[2]
    )
    forge_from(five[2], audit.keys()[0])
    assert trail.found() == []
    assert trail.found(anchors=[anchor]) == [("rewritten", None)]


def forge_from(row, key):
    """Delete a row and everything's seals from there on, then seal again under a key."""
    ((number,),) = rows.fetch("SELECT number FROM audit_seal WHERE event_id = %s", row)
    rows.change("DELETE FROM audit_event WHERE id = %s", row)
    rows.change("INSERT INTO audit_unsealed SELECT event_id FROM audit_seal WHERE number > %s", number)
    rows.change("DELETE FROM audit_seal WHERE number >= %s", number)
    with mock.patch.object(audit, "keys", return_value=(key,)):
        trail.seal()


def test_a_tail_that_was_cut_off_is_found_by_an_anchor(five, tenant):
    whole = trail.seal() or audit_chain.Anchor(
        "installation", *rows.fetch("SELECT number, link FROM audit_seal ORDER BY number DESC")[0]
    )
    mine = audit_chain.Anchor(
        str(tenant.pk), *rows.fetch("SELECT position, seal FROM audit_seal WHERE event_id = %s", five[4])[0]
    )
    for table, column in (("audit_event", "id"), ("audit_seal", "event_id")):
        rows.change(
            f"DELETE FROM {table} WHERE {column} IN (SELECT id FROM audit_event WHERE id >= %s"
            " UNION SELECT event_id FROM audit_seal WHERE event_id >= %s)",
            five[4], five[4],
        )  # fmt: skip
    assert trail.found() == []
    assert trail.found(anchors=[whole, mine]) == [("cut", None), ("cut", None)]


def test_a_row_that_waits_too_long_is_named_and_one_that_just_came_is_not(tenant):
    trail.write(tenant)
    assert trail.found() == []
    (late,) = trail.write(tenant)
    rows.change("UPDATE audit_event SET at = at - interval '2 minutes' WHERE id = %s", late)
    assert trail.found() == [("unsealed", str(late))]


def test_rows_from_before_there_were_signatures_are_counted_and_not_named(tenant):
    old = trail.write(tenant, 3)
    rows.change("UPDATE audit_event SET signature = NULL WHERE id = ANY(%s)", old)
    trail.seal()
    walk = trail.Walk()
    assert (list(walk.findings()), walk.unsigned) == ([], 3)
    trail.sealed(tenant)
    (unsigned,) = trail.write(tenant)
    rows.change("UPDATE audit_event SET signature = NULL WHERE id = %s", unsigned)
    trail.seal()
    assert trail.found() == [("inserted", str(unsigned))]


def test_since_walks_what_was_sealed_from_then_on(five, tenant):
    since = rows.now()
    (new,) = trail.sealed(tenant)
    rows.change("UPDATE audit_event SET actor = 'x' WHERE id = ANY(%s)", [five[0], new])
    walk = trail.Walk(since=since)
    assert [(f.kind, f.event) for f in walk.findings()] == [("edited", str(new))]
    assert walk.checked == 1
    assert trail.found(since=since + timedelta(hours=1)) == []


def test_the_chain_is_walked_in_pages(five, monkeypatch):
    monkeypatch.setattr(audit_verification, "PAGE", 2)
    rows.change("DELETE FROM audit_event WHERE id = ANY(%s)", five[1:3])
    walk = trail.Walk()
    assert [f.event for f in walk.findings()] == [str(five[1]), str(five[2])]
    assert (walk.checked, walk.head.number) == (15, 15)


def test_an_old_key_verifies_what_it_sealed_and_a_lost_one_is_named(five, tenant, settings):
    settings.AUDIT_KEYS = ["new", *settings.AUDIT_KEYS]
    trail.sealed(tenant)
    assert trail.found() == []
    settings.AUDIT_KEYS = ["new"]
    assert {kind for kind, _ in trail.found()} == {"rewritten"}
    assert len(trail.found()) == 15
