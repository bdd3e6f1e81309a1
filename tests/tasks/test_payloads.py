"""From a claim to a handler and its parameters, and from its answer to a stored result."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from jobs.engine.records import Claim
from jobs.handlers import HandlerError, PermanentFailure
from jobs.rules.codes import Failure
from tasks import payloads


def claim(spec: Any, payload: Any = None) -> Claim:
    return Claim(
        id=uuid4(), attempt_id=uuid4(), tenant_id=uuid4(), tenant="t", allowed_hosts=(), allowed_callables=(), job_id=uuid4(), job="j", spec=spec,
        payload=payload, attempt=1, crashes=0, epoch=1, timeout_seconds=1.0, last_seq=0,
    )  # fmt: skip


def nothing(secrets):
    raise AssertionError("there is nothing to hide")


def test_parameters_are_the_revisions_with_the_overrides_on_top():
    handler, params = payloads.resolve(
        claim({"type": "dummy", "payload": {"result": 1, "output_bytes": 5}}, {"result": 2}), hide=nothing
    )
    assert handler.job_type == "dummy"
    assert params.model_dump(include={"result", "output_bytes"}) == {"result": 2, "output_bytes": 5}


@pytest.mark.parametrize(
    ("spec", "code", "says"),
    [
        (None, Failure.CONFIG_INVALID, "the job's revision is gone"),
        ({"type": "moon", "payload": {}}, Failure.CONFIG_INVALID, "unknown job type 'moon'"),
        ({"type": "dummy", "payload": {"nonsense": 1}}, Failure.PAYLOAD_INVALID, "payload.nonsense: "),
        ({"type": "dummy", "payload": {"fail_rate": 2}}, Failure.PAYLOAD_INVALID, "payload.fail_rate: "),
    ],
)
def test_claim_that_cannot_be_resolved_fails_for_good(spec, code, says):
    with pytest.raises(PermanentFailure, match=says) as caught:
        payloads.resolve(claim(spec), nothing)
    assert caught.value.code == code


def test_overrides_change_neither_of_the_two():
    payload, overrides = {"a": {"x": 1}, "b": 2}, {"a": {"y": 1}}
    assert payloads.merged(payload, overrides) == {"a": {"y": 1}, "b": 2}
    assert (payload, overrides) == ({"a": {"x": 1}, "b": 2}, {"a": {"y": 1}})
    assert payloads.merged(payload, None) == payload


@pytest.mark.parametrize("result", [None, 0, "", [], {"a": [1.5, None, "\N{PARTY POPPER}", "a \\ u0000"]}])
def test_json_passes_as_it_is(result):
    assert payloads.checked_result(result) == result


@pytest.mark.parametrize("result", [object(), {1, 2}, b"x", float("inf"), {"a": "\x00"}, {"\ud800": 1}, {(1, 2): 3}])
def test_what_is_no_storable_json_is_refused_for_good(result):
    with pytest.raises(PermanentFailure, match="the handler's result"):
        payloads.checked_result(result)


def test_result_may_be_as_large_as_is_kept_and_no_larger():
    fits = "x" * (payloads.MAX_RESULT_BYTES - 2)
    assert payloads.checked_result(fits) == fits
    with pytest.raises(HandlerError, match="return less") as caught:
        payloads.checked_result(fits + "x")
    assert caught.value.code == Failure.RESOURCE_LIMIT
    assert not isinstance(caught.value, PermanentFailure)


@pytest.mark.parametrize(
    ("granted", "says"),
    [
        ({"allowed_job_types": ["http"]}, "dummy is not granted"),
        ({"allowed_queues": ["other"]}, "default is not granted"),
    ],
)
def test_what_was_granted_and_is_no_longer_does_not_run(granted, says):
    spec = {"type": "dummy", "payload": {}}
    assert payloads.resolve(
        replace(claim(spec), queue="default", allowed_queues=["default"], allowed_job_types=["dummy"]), hide=nothing
    )
    with pytest.raises(PermanentFailure, match=says) as caught:
        payloads.resolve(replace(claim(spec), queue="default", **granted), hide=nothing)
    assert caught.value.code == Failure.CONFIG_INVALID
