"""The database's rule of which executor may run what is the one of :mod:`jobs.rules.matching`."""

from __future__ import annotations

import json

from tests.support import rows
from tests.support.matching import CASES


def test_the_same_table_holds_in_the_database() -> None:
    for capabilities, executor, name, offered, expected in CASES:
        payload = json.dumps({"capabilities": capabilities, "executor": executor or None})
        found = rows.fetch("SELECT carillon_fits(%s, %s, carillon_needs('{}', %s))", name, offered, payload)
        assert found == [(expected,)], (capabilities, executor, name, offered)


def test_needs_are_the_overrides_then_the_revisions_payload() -> None:
    spec = json.dumps({"payload": {"capabilities": ["gpu"], "executor": "alpha"}})
    found = rows.fetch("SELECT carillon_needs(%s, %s)", spec, json.dumps({"capabilities": ["cpu"]}))
    assert found == [({"capabilities": ["cpu"], "executor": "alpha"},)]
    assert rows.fetch("SELECT carillon_needs(NULL, NULL)") == [({"capabilities": [], "executor": None},)]
