"""/job-types and /workers: what every tenant may see of the platform."""

from __future__ import annotations

import pytest

from jobs import handlers
from tests.support import rows


def test_every_registered_type_is_listed(owner):
    listed = owner.api.get("/api/v1/job-types").json()["data"]
    assert [row["type"] for row in listed] == sorted(handlers.registered())
    assert [row["type"] for row in listed if row["external"]] == ["external"]


@pytest.mark.parametrize("job_type", ["http", "dummy"])
def test_type_comes_with_schema_example_and_defaults_that_fit(owner, job_type):
    shown = owner.api.get(f"/api/v1/job-types/{job_type}").json()
    assert set(shown["defaults"]) == set(shown["schema"]["properties"]) - set(shown["schema"].get("required", []))
    answer = owner.api.post("/api/v1/jobs", {"name": "example", "type": job_type, "payload": shown["example"]})
    assert answer.status_code == 201


def test_workers_say_whether_their_lease_holds(owner):
    live, gone = rows.worker(), rows.worker(lease=-1)
    shown = {row["id"]: row["live"] for row in owner.api.get("/api/v1/workers").json()["data"]}
    assert (shown[str(live)], shown[str(gone)]) == (True, False)
    assert owner.api.get(f"/api/v1/workers/{live}").json()["queues"] == ["default"]


@pytest.mark.parametrize("path", ["job-types/dummy", "workers", "job-types"])
def test_platform_rows_are_read_only(owner, path):
    for method in ("POST", "PATCH", "DELETE"):
        assert owner.api.send(method, f"/api/v1/{path}").status_code == 405
