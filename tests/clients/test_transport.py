"""The Python client tries again what may help, does nothing twice, and raises what was refused."""

from __future__ import annotations

import httpx2
import pytest
from carillon_client import errors

OK = httpx2.Response(200, json={"id": "1"})
GONE = httpx2.ConnectError("refused")


def refusal(status: int, code: str, details: dict | None = None, **headers: str) -> httpx2.Response:
    body = {"error": {"code": code, "message": "no", "details": details or {}, "timestamp": "", "request_id": "r1"}}
    return httpx2.Response(
        status, json=body, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


def test_a_post_is_sent_again_under_the_same_key(serving):
    server = serving(
        GONE, refusal(503, "UNAVAILABLE", Retry_After="2"), refusal(429, "RATE_LIMITED", Retry_After="3"), OK
    )
    server.client().jobs.trigger("nightly")
    keys = {request.headers["Idempotency-Key"] for request in server.requests}
    assert (len(server.requests), len(keys)) == (4, 1)
    assert 0 < server.pauses[0] < 1
    assert 2 <= server.pauses[1] < 2.2
    assert 3 <= server.pauses[2] < 3.2


def test_two_posts_have_two_keys(serving):
    server = serving(OK)
    client = server.client()
    client.jobs.trigger("nightly")
    client.jobs.trigger("nightly")
    assert len({request.headers["Idempotency-Key"] for request in server.requests}) == 2


def test_patience_ends(serving):
    with pytest.raises(errors.NoAnswer) as none:
        serving(GONE).client(patience=0.0).jobs.get("nightly")
    assert isinstance(none.value.__cause__, httpx2.ConnectError)
    with pytest.raises(errors.RateLimited) as limited:
        serving(refusal(429, "RATE_LIMITED", Retry_After="100")).client(patience=50).jobs.get("nightly")
    assert limited.value.retry_after == 100


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "UNKNOWN_FIELD", errors.BadRequest),
        (401, "UNAUTHENTICATED", errors.Unauthenticated),
        (401, "KEY_EXPIRED", errors.KeyExpired),
        (403, "MISSING_SCOPE", errors.Forbidden),
        (403, "TENANT_SUSPENDED", errors.TenantSuspended),
        (404, "NOT_FOUND", errors.NotFound),
        (409, "CONFLICT", errors.Conflict),
        (409, "QUOTA_EXCEEDED", errors.QuotaExceeded),
        (412, "ETAG_MISMATCH", errors.EtagMismatch),
        (422, "VALIDATION_FAILED", errors.ValidationFailed),
        (422, "INVALID_SCHEDULE", errors.InvalidSchedule),
        (409, "OF_NEXT_YEAR", errors.Conflict),
        (418, "OF_NEXT_YEAR", errors.BadRequest),
        (500, "INTERNAL", errors.ServerError),
    ],
)
def test_a_refusal_is_raised_at_once_by_its_code(serving, status, code, kind):
    server = serving(refusal(status, code, {"name": ["too long"]}))
    with pytest.raises(kind) as refused:
        server.client().jobs.create(name="x", type="dummy")
    error = refused.value
    assert (type(error), error.code, error.status, error.details, error.request_id) == (
        kind,
        code,
        status,
        {"name": ["too long"]},
        "r1",
    )
    assert len(server.requests) == 1


def test_an_invalid_state_says_what_may_be_done(serving):
    server = serving(refusal(409, "INVALID_STATE", {"state": "running", "allowed_actions": ["cancel"]}))
    with pytest.raises(errors.InvalidState) as refused:
        server.client().executions.retry("1")
    assert (refused.value.state, refused.value.allowed_actions) == ("running", ["cancel"])


def test_what_is_no_envelope_is_an_error_all_the_same(serving):
    server = serving(httpx2.Response(404, text="<html>", headers={"X-Request-Id": "r2"}))
    with pytest.raises(errors.NotFound) as refused:
        server.client().jobs.get("x")
    assert refused.value.request_id == "r2"


def test_the_first_with_the_key_is_waited_for(serving):
    server = serving(refusal(409, "IDEMPOTENCY_IN_PROGRESS"), OK)
    server.client().jobs.trigger("x")
    assert len(server.requests) == 2


def test_a_delete_that_was_done_before_its_answer_was_lost_is_done(serving):
    serving(httpx2.ReadError("cut"), refusal(404, "NOT_FOUND")).client().jobs.delete("x")
    with pytest.raises(errors.NotFound):
        serving(refusal(404, "NOT_FOUND")).client().jobs.delete("x")


def test_a_list_asks_for_its_pages_as_it_is_read(serving):
    first = httpx2.Response(200, json={"data": [{"id": "1"}], "next_cursor": "c"})
    server = serving(first, httpx2.Response(200, json={"data": [{"id": "2"}], "next_cursor": None}))
    rows = server.client(tenant="acme").executions.list(state=["failed", "skipped"], limit=1)
    assert next(rows)["id"] == "1"
    assert len(server.requests) == 1
    assert [row["id"] for row in rows] == ["2"]
    assert server.requests[1].url.params.multi_items() == [
        ("tenant", "acme"), ("state", "failed"), ("state", "skipped"), ("limit", "1"), ("cursor", "c"),
    ]  # fmt: skip


def test_a_flag_and_a_tag_travel_as_the_api_reads_them(serving):
    server = serving(httpx2.Response(204), OK)
    client = server.client()
    client.secrets.delete("s", force=True)
    assert server.requests[0].url.params["force"] == "true"
    client.jobs.patch("x", if_match='"3"', priority=3)
    assert server.requests[1].headers["If-Match"] == '"3"'


def test_a_name_is_one_part_of_the_path_whatever_is_in_it(serving):
    server = serving(OK)
    server.client().jobs.trigger("a b/c?d")
    assert server.requests[0].url.raw_path == b"/api/v1/jobs/a%20b%2Fc%3Fd/trigger"
