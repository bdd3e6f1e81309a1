"""Edges made at the same time, on connections of their own: together they close no circle, and none is made twice."""

from __future__ import annotations

from collections import Counter
from functools import partial

from tests.support import rows
from tests.support.threads import together

PATH = "/api/v1/dependencies"


def test_requests_that_would_close_a_circle_together_leave_one_out(owner):
    names = ["a", "b", "c", "d"]
    for name in names:
        rows.job(owner.tenant.id, name=name)
    ring = [{"upstream": name, "downstream": names[(place + 1) % 4]} for place, name in enumerate(names)]
    answers = together([partial(owner.api.post, PATH, edge) for edge in ring])
    assert Counter(answer.status_code for answer in answers) == {201: 3, 409: 1}, [each.content for each in answers]
    (refused,) = (answer.json()["error"] for answer in answers if answer.status_code == 409)
    assert (refused["code"], len(refused["details"]["path"])) == ("CYCLE", 5)


def test_declarations_that_would_close_a_circle_together_leave_one_out(owner):
    for name in ("a", "b"):
        rows.job(owner.tenant.id, name=name)
    answers = together(
        [
            partial(owner.api.patch, f"/api/v1/jobs/{one}", {"depends_on": [{"job": other}]})
            for one, other in (("a", "b"), ("b", "a"))
        ]
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]


def test_a_job_that_is_deleted_meanwhile_has_no_edges(owner):
    for name in ("a", "b"):
        rows.job(owner.tenant.id, name=name)
    made, _ = together(
        [
            partial(owner.api.post, PATH, {"upstream": "a", "downstream": "b"}),
            partial(owner.api.delete, "/api/v1/jobs/a"),
        ]
    )
    assert made.status_code in (201, 422), made.content
    assert owner.api.get(PATH).json()["data"] == []
