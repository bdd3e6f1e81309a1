"""Dry runs of dependencies and of failure groups: the request itself, taken back. See test_dry_runs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import console, dry_runs, rows
from tests.support.dry_runs import DRY

EDGE = {"upstream": "extract", "downstream": "report"}
FINGERPRINT = "0123456789abcdef"
WHY = {"reason": "because"}
#: (method, route): whether the edge is there before, the path's end, a body.
EDGES: dict[tuple[str, str], tuple[bool, str, Any]] = {
    ("post", "dependencies"): (False, "dependencies", {**EDGE, "trigger_rule": "always"}),
    ("patch", "dependencies/<str:id>"): (True, "dependencies/{id}", {"trigger_rule": "all_done"}),
    ("delete", "dependencies/<str:id>"): (True, "dependencies/{id}", None),
}
#: (method, route): the path's end, the kind of operation that is made.
GROUPS: dict[tuple[str, str], tuple[str, str]] = {
    ("post", "failure-groups/<str:id>/retry"): (f"failure-groups/{FINGERPRINT}/retry", "redrive"),
    ("post", "failure-groups/<str:id>/resolve"): (f"failure-groups/{FINGERPRINT}/resolve", "discard"),
}
CALLS = {*EDGES, *GROUPS}


@pytest.fixture
def edge(owner: Any, named: Any) -> Any:
    """The address of a call about an edge between two jobs."""
    named("extract", "report")

    def arrange(call: tuple[str, str]) -> str:
        there, path, _ = EDGES[call]
        if not there:
            return f"/api/v1/{path}"
        made = owner.api.post("/api/v1/dependencies", EDGE)
        assert made.status_code == 201, made.content
        return f"/api/v1/{path.format(id=made.json()['id'])}"

    return arrange


@pytest.fixture
def failed(owner: Any) -> str:
    """The one execution of a group."""
    job = rows.job(owner.tenant.id)
    return str(rows.execution(job, "failed", error_code="TIMEOUT", error_fingerprint=FINGERPRINT))


def _known(dependency: Any) -> Any:
    unknown = {"id", "created_at", "updated_at"}
    return dependency and {name: value for name, value in dependency.items() if name not in unknown}


@pytest.mark.parametrize("call", EDGES, ids=" ".join)
def test_an_edge_is_told_as_the_real_call_then_leaves_it(owner: Any, edge: Any, call: tuple[str, str]) -> None:
    path, body = edge(call), EDGES[call][2]
    told = dry_runs.told(owner.api, call[0], path, body)
    before = console.contents()
    assert set(told) == {"dry_run", "outcome", "diff", "dependency"}
    assert told["diff"]
    for field, (old, new) in told["diff"].items():
        assert old != new, field

    real = owner.api.ask(call[0], path, body)
    assert real.status_code in (200, 201, 204), real.content
    assert console.contents() != before
    assert told["outcome"] == {201: "created", 204: "deleted"}.get(real.status_code, "updated")
    gone = real.status_code == 204
    stored = None if gone else owner.api.get(f"/api/v1/dependencies/{real.json()['id']}").json()
    assert _known(told["dependency"]) == _known(stored)


@pytest.mark.parametrize("call", GROUPS, ids=" ".join)
def test_a_group_is_counted_and_left_as_it_is(owner: Any, failed: str, call: tuple[str, str]) -> None:
    end, kind = GROUPS[call]
    owner.api.get("/api/v1/failure-groups")
    before = console.contents()
    tried = owner.api.post(f"/api/v1/{end}{DRY}", WHY)
    assert console.contents() == before
    assert tried.status_code == 200, tried.content
    told = tried.json()
    assert (told["dry_run"], told["kind"], told["matched"], told["matched_is_capped"]) == (True, kind, 1, False)
    assert [each["id"] for each in told["sample"]] == [failed]

    real = owner.api.post(f"/api/v1/{end}", WHY)
    assert (real.status_code, real.json()["kind"]) == (202, kind)
    assert console.contents() != before
