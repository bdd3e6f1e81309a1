"""One text for one value, keys that tell nothing of each other, anchors that are read as they were printed."""

from __future__ import annotations

import json
from types import SimpleNamespace
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenants.models import AuditEvent
from tenants.rules import audit_chain
from tenants.rules.audit_chain import Anchor, Key
from tests.support import rows

NUMBERS = st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
@settings(deadline=None, database=None)
def test_a_value_reads_the_same_after_the_database_kept_it(value):
    ((stored,),) = rows.fetch("SELECT %s::jsonb::text", json.dumps(value))
    assert audit_chain.canonical(json.loads(stored)) == audit_chain.canonical(value)


@given(VALUES, VALUES)
@settings(deadline=None, database=None)
def test_different_values_read_differently(one, other):
    assert (audit_chain.canonical(one) == audit_chain.canonical(other)) == _alike(one, other)


def _alike(one, other):
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return repr(float(one)) == repr(float(other)) if one == other else False
    return type(one) is type(other) and one == other


@pytest.mark.parametrize(("one", "other"), [(1, "1"), (True, 1), (None, "null"), ([1, 2], [12]), ({"a": 1}, ["a", 1])])
def test_kinds_of_values_are_told_apart(one, other):
    assert audit_chain.canonical(one) != audit_chain.canonical(other)


def test_every_column_of_a_row_is_signed():
    row = AuditEvent(actor="a", action="b", object_type="c", object_id="d")
    columns = {field.name for field in AuditEvent._meta.fields}
    assert set(audit_chain.facts(row)) == columns - {"signature"}


def test_addresses_read_alike_however_they_were_written():
    row = AuditEvent(address="2001:DB8:0::1")
    assert audit_chain.facts(row)["address"] == "2001:db8::1"


def test_a_tenants_key_is_neither_anothers_nor_the_installations():
    key, tenant = Key("secret"), uuid4()
    keys = {key.of_rows, key.of_links, key.of_tenant(None), key.of_tenant(tenant), key.of_tenant(uuid4())}
    keys |= {Key("other").of_tenant(tenant), audit_chain.export_key(key.of_tenant(tenant))}
    assert len(keys) == 7
    assert key.of_tenant(tenant) == key.of_tenant(str(tenant))
    assert key.key_id != Key("other").key_id


def test_a_link_holds_all_that_a_seal_says():
    row = SimpleNamespace(
        event_id=uuid4(), tenant_id=uuid4(), position=3, previous_seal=b"a", seal=b"b", sealed_at=rows.now(), key_id="k"
    )
    changes = {
        "event_id": uuid4(), "tenant_id": None, "position": 4, "previous_seal": b"x", "seal": b"x",
        "sealed_at": rows.now(), "key_id": "l",
    }  # fmt: skip
    assert set(changes) == set(vars(row))
    links = {audit_chain.link(b"key", b"before", row)}
    for name, value in changes.items():
        links.add(audit_chain.link(b"key", b"before", SimpleNamespace(**{**vars(row), name: value})))
    links |= {audit_chain.link(b"key", b"another", row), audit_chain.link(b"other", b"before", row)}
    assert len(links) == len(changes) + 3


@pytest.mark.parametrize(
    "chain", [audit_chain.INSTALLATION, audit_chain.PLATFORM, "01a1ff8b-c33e-70e2-9ac3-3c72d0084fd2"]
)
def test_an_anchor_is_read_as_it_was_printed(chain):
    anchor = Anchor(chain, 12, bytes(range(32)))
    assert audit_chain.parse_anchor(f" {anchor}\n") == anchor


@pytest.mark.parametrize(
    "text", ["", "installation", "installation:1", "installation:0:" + "00" * 32, "x:1:" + "00" * 32, "platform:1:00", "platform:1:zz"]
)  # fmt: skip
def test_what_is_no_anchor_is_refused_with_how_one_reads(text):
    with pytest.raises(ValueError, match="it reads"):
        audit_chain.parse_anchor(text)
