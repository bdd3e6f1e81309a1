"""A thousand requests made of the description find nothing that it does not say."""

from __future__ import annotations

from tests.fuzz import play

SEED = 20261121


def test_the_api_answers_as_it_is_described():
    report = play.run(cases=1000, seed=SEED)
    assert report.found == {}, f"make fuzz CASES=1000 SEED={SEED}"
    assert sum(report.tried.values()) > 900
    assert {200, 201, 202, 204, 400, 401, 403, 404, 409, 422} <= set(report.statuses)
