"""PATCH is a merge patch: what it makes is what declaring the merged document makes (RFC 7396)."""

from __future__ import annotations

import pytest

from jobs.services import changes

NIGHTLY = "/api/v1/jobs/nightly"
KIND = "application/merge-patch+json"
WHOLE = {
    "type": "http", "tags": ["a", "b"], "description": "d", "category": "c", "priority": 7, "timeout_seconds": 9, "max_running": 2,
    "rate_limit": "10/m", "rate_burst": 3, "overlap": "skip", "concurrency_key": "k", "max_running_per_key": 2, "owner": "o", "queue": "default",
    "payload": {"url": "https://example.com", "headers": {"A": "1", "B": "2"}, "body": {"list": [1, {"x": 1}], "deep": {"er": {"a": 1}}}},
    "retry": {"max_attempts": 5, "retry_on": ["TIMEOUT"]},
}  # fmt: skip
OPTIONAL = sorted(set(WHOLE) - {"type", "payload"})
PATCHES = {
    **{f"{name} null": {name: None} for name in OPTIONAL},
    "all null": dict.fromkeys(OPTIONAL),
    "nested object": {"payload": {"headers": {"B": "3", "C": "4"}, "body": {"deep": {"er": {"b": 2}}}}},
    "nested null": {"payload": {"headers": {"A": None}, "body": {"deep": {"er": None}}}},
    "list replaced": {
        "payload": {"body": {"list": [{"y": 2}]}},
        "tags": ["c"],
        "retry": {"retry_on": ["TIMEOUT", "http:5xx"]},
    },
    "null in a list stays": {"payload": {"body": {"list": [None, {"x": None}]}}},
    "object for a text": {"payload": {"body": {"list": {"a": {"b": None, "c": 1}}}}},
    "text for an object": {"payload": {"body": "text"}},
    "true for one": {"payload": {"body": {"list": [True], "deep": {"er": {"a": True}}}}},
    "nothing": {},
}


def document(job):
    unlike = {"id", "revision", "created_at", "updated_at", "outcome", "state", "allowed_actions", "schedules"}
    return {name: value for name, value in job.items() if name not in unlike}


@pytest.mark.parametrize("case", PATCHES)
def test_a_patch_makes_of_a_job_what_declaring_the_merged_document_makes(owner, case):
    owner.api.put(NIGHTLY, WHOLE)
    patched = owner.api.ask("patch", NIGHTLY, PATCHES[case], kind=KIND)
    assert patched.status_code == 200, patched.content
    declared = owner.api.put(NIGHTLY, changes.merge_patch(WHOLE, PATCHES[case]))
    assert declared.json()["outcome"] == "unchanged"
    assert document(declared.json()) == document(patched.json())


def test_what_has_no_default_cannot_be_taken_away(owner):
    owner.api.put(NIGHTLY, WHOLE)
    before = owner.api.get(NIGHTLY).json()
    for patch in ({"name": None}, {"type": None}, {"payload": None}, {"payload": {"url": None}}):
        assert owner.api.patch(NIGHTLY, patch).status_code == 422
    assert owner.api.get(NIGHTLY).json() == before


def test_both_names_of_json_are_taken_and_only_to_patch(owner):
    owner.api.put(NIGHTLY, WHOLE)
    for kind in (KIND, f"{KIND}; charset=utf-8", "application/json"):
        assert owner.api.ask("patch", NIGHTLY, {"priority": 1}, kind=kind).status_code == 200
    assert owner.api.ask("patch", NIGHTLY, {"priority": 1}, kind="application/json-patch+json").status_code == 415
    assert owner.api.ask("put", NIGHTLY, WHOLE, kind=KIND).status_code == 415
    assert owner.api._client.patch(NIGHTLY, "[", content_type=KIND).json()["error"]["code"] == "INVALID_JSON"


def test_a_schedules_patch_is_one_too(owner, make_job):
    whole = {"kind": "cron", "expression": "0 0 * * *", "timezone": "Asia/Tokyo", "misfire": "all", "end_at": "2100-01-01T00:00:00Z",
             "payload": {"result": {"a": 1, "b": [1]}}}  # fmt: skip
    path = f"/api/v1/schedules/{make_job(schedules=[whole])['schedules'][0]['id']}"
    for patch in (
        {"timezone": None}, {"misfire": None, "end_at": None}, {"payload": {"result": {"a": None, "c": 2}}}, {"payload": None},
        {"catch_up_window_seconds": None, "dst_gap": None},
    ):  # fmt: skip
        assert owner.api.put(path, whole).status_code == 200
        patched = owner.api.ask("patch", path, patch, kind=KIND)
        assert patched.status_code == 200, patched.content
        declared = owner.api.put(path, changes.merge_patch(whole, patch))
        assert declared.json()["outcome"] == "unchanged", (patch, patched.json())
    assert owner.api.patch(path, {"kind": None}).status_code == 422
