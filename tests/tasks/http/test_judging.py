"""What success is, and what of the answer the result holds by itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from jobs.rules.codes import Failure
from tasks.http.params import HttpParams
from tests.support.contexts import RecordingContext
from tests.support.http_server import HttpServer
from tests.tasks.handlers.http_calls import call, failure

DONE = {"state": "done", "items": [{"id": 7}], "a/b": None}


@pytest.fixture(autouse=True)
def answers(server: HttpServer) -> None:
    server.answer("/", headers={"Content-Type": "application/json", "X-Count": "3"}, body=json.dumps(DONE).encode())


@pytest.mark.parametrize(
    "condition",
    [
        "json.state == 'done'",
        "status == 200 and headers['x-count'] == '3'",
        "'done' in body",
        "json['items'][0].id > 6",
    ],
)
def test_condition_that_is_true_is_a_success(server: HttpServer, context: RecordingContext, condition: str) -> None:
    assert call(context, server.url(), success_if=condition)["status"] == 200


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ("json.state == 'failed'", "is not true of the answer"),
        ("json.nothing == 1", "cannot be computed"),
        ("json.state", "came to a text"),
    ],
)
def test_condition_that_is_not_true_fails_with_the_answer(
    server: HttpServer, context: RecordingContext, condition: str, says: str
) -> None:
    error = failure(context, server.url(), success_if=condition)
    assert says in str(error)
    assert (error.code, error.tags) == (Failure.RESULT_REFUSED, {"success_if"})
    assert error.result["body"] == DONE


def test_json_is_null_where_the_answer_is_none(server: HttpServer, context: RecordingContext) -> None:
    server.answer("/page", body=b"<html>")
    error = failure(context, server.url("/page"), success_if="json.state == 'done'")
    assert "cannot be computed" in str(error)


@pytest.mark.parametrize(
    "condition",
    ["{{ json.ok }}", "payload.x == 1", "secrets.token == 'x'", "json.x +", "'text'", "json.__class__ == 1", "x" * 501],
)
def test_condition_that_cannot_be_asked_is_refused_where_it_is_stored(condition: str) -> None:
    for fields in ({"success_if": condition}, {"poll": {"until": condition}}, {"poll": {"fail_if": condition}}):
        with pytest.raises(ValidationError):
            HttpParams.model_validate({"url": "http://x.test/", **fields})


def test_places_are_taken_out_of_the_answer(server: HttpServer, context: RecordingContext) -> None:
    wanted = {"id": "/items/0/id", "slash": "/a~1b", "none": {"pointer": "/none", "optional": True}, "all": ""}
    assert call(context, server.url(), extract=wanted)["extracted"] == {
        "id": 7,
        "slash": None,
        "none": None,
        "all": DONE,
    }


def test_missing_place_fails_and_says_which(server: HttpServer, context: RecordingContext) -> None:
    error = failure(context, server.url(), extract={"id": "/items/1/id"})
    assert str(error) == "extract.id: the answer has no /items/1/id: /items is a list of 1 and has no '1'"
    assert error.tags == {"extract"}


@pytest.mark.parametrize("body", [b"<html>", b"[" * 100_000, b'{"a": NaN}', b""])
def test_answer_that_is_no_json_has_nothing_to_take_out(
    server: HttpServer, context: RecordingContext, body: bytes
) -> None:
    server.answer("/page", body=body)
    error = failure(context, server.url("/page"), extract={"a": "/a"})
    assert "extract: the answer is no JSON" in str(error)


def test_place_in_a_body_longer_than_what_is_kept_is_found(server: HttpServer, context: RecordingContext) -> None:
    body = json.dumps({"fill": "x" * 500_000, "last": 9}).encode()
    server.answer("/long", headers={"Content-Type": "application/json"}, body=body)
    result = call(context, server.url("/long"), extract={"last": "/last"}, success_if="json.last == 9")
    assert (result["extracted"], result["truncated"]) == ({"last": 9}, True)
    assert len(json.dumps(result)) < 64 * 1024


def test_more_than_a_result_may_hold_is_not_taken_out(server: HttpServer, context: RecordingContext) -> None:
    server.answer("/long", body=json.dumps({"fill": "x" * 60_000}).encode())
    error = failure(context, server.url("/long"), extract={"fill": "/fill"})
    assert error.code == Failure.RESOURCE_LIMIT


@pytest.mark.parametrize(("size", "room"), [(30_000, 64 * 1024), (47_000, 64 * 1024)])
def test_body_makes_room_for_what_is_taken_out(
    server: HttpServer, context: RecordingContext, size: int, room: int
) -> None:
    document = {"fill": "x" * size}
    server.answer("/long", headers={"Content-Type": "application/json"}, body=json.dumps(document).encode())
    result = call(context, server.url("/long"), extract={"fill": "/fill"})
    assert result["extracted"] == document
    assert len(json.dumps(result)) <= room


@pytest.mark.parametrize("extract", [{"a": "a"}, {"a b": "/a"}, {"a": {"optional": True}}, {"a": 1}])
def test_what_is_no_place_is_refused(extract: Any) -> None:
    with pytest.raises(ValidationError):
        HttpParams.model_validate({"url": "http://x.test/", "extract": extract})
