"""A thousand requests made of the description find nothing that it does not say."""

from __future__ import annotations

import json

import pytest

from scheduler_project import reference
from tests.fuzz import odd, play, sense

SEED = 20261121


def test_the_api_answers_as_it_is_described():
    report = play.run(cases=1000, seed=SEED)
    assert report.found == {}, f"make fuzz CASES=1000 SEED={SEED}"
    assert sum(report.tried.values()) > 800
    assert {200, 201, 202, 204, 400, 401, 403, 404, 409, 422} <= set(report.statuses)


def _of_another_type(document):
    document["components"]["schemas"]["QueueShape"]["properties"]["name"]["type"] = "integer"


def _without_a_status(document):
    del document["paths"]["/api/v1/queues"]["get"]["responses"]["401"]


@pytest.mark.parametrize(
    ("lie", "told"),
    [(_of_another_type, "Response violates schema"), (_without_a_status, "Undocumented status code")],
)
def test_a_description_that_is_not_true_is_found_out(lie, told):
    document = reference.described()
    lie(document)
    report = play.run(cases=2000, seed=SEED, only="queues_list", document=document)
    assert any(told in each for each in report.found), report.found


def test_an_odd_value_stands_where_a_good_one_stood():
    body = {"name": "a", "tags": ["b", "c"]}
    assert set(odd.places(body)) == {(), ("name",), ("tags",), ("tags", 0), ("tags", 1)}
    assert json.loads(odd.put(body, ("tags", 1), "[[]]")) == {"name": "a", "tags": ["b", [[]]]}
    assert odd.put(body, (), "NaN") == "NaN"


def test_values_that_mean_something_stand_at_the_fields_that_are_there():
    body = {
        "queue": "\x7f",
        "schedules": [{"kind": "cron", "expression": "x", "run_at": None}],
        "payload": {"a": "{{x"},
    }
    assert sense.of(body, job="j") == {
        "queue": "default",
        "schedules": [{"kind": "cron", "expression": "*/5 * * * *", "run_at": None}],
        "payload": {"a": "{{ now }}"},
    }
