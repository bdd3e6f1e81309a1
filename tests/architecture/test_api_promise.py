"""Clients find what they were promised: docs/openapi-v1.json is what the code's description is measured by.

It is replaced by `make promise` alone, at a release, which refuses what breaks it. Whatever is broken on purpose stands
in docs/openapi-broken.json with its reason until then.
"""

from __future__ import annotations

import json
import re

import pytest

from scheduler_project import api_changes, reference


def test_nothing_that_was_promised_is_broken():
    assert reference.broken() == [], "undo it, or give the reason in docs/openapi-broken.json"


def test_what_is_broken_on_purpose_has_a_reason_and_is_broken_indeed():
    owned = json.loads(reference.BROKEN.read_text())
    promised = json.loads(reference.PROMISED.read_text())
    assert set(owned) <= set(api_changes.breaking(promised, reference.described())), "take out what is not broken"
    assert all(isinstance(reason, str) and len(reason) > 20 for reason in owned.values())


def test_the_promise_is_of_this_version():
    promised = json.loads(reference.PROMISED.read_text())["info"]["version"]
    assert promised == reference.described()["info"]["version"], "a new version is a new promise: run `make promise`"


def test_a_break_is_told_and_refuses_a_new_promise(monkeypatch, tmp_path):
    promised = json.loads(reference.PROMISED.read_text())
    promised["paths"]["/api/v1/jobs"]["get"]["parameters"].append(
        {"in": "query", "name": "flavour", "schema": {"type": "string"}}
    )
    monkeypatch.setattr(reference, "PROMISED", tmp_path / "promised.json")
    reference.PROMISED.write_text(json.dumps(promised))
    told = "GET /api/v1/jobs: query parameter flavour is gone"
    assert reference.broken() == [told]
    with pytest.raises(SystemExit, match=re.escape(told)):
        reference.promise()
