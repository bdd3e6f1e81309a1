"""Every route that changes something leaves exactly one row in the trail, with who, from where, and in which request.

The routes are found in the OpenAPI document, so a new one fails here until it is said how it is called.
"""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.test import Client

from tests.support import rows
from tests.support.calls import CALLS, World

#: Routes that take a POST and change nothing.
LOOKING = {("post", "/schedules/preview"), ("post", "/dependencies/validate"), ("post", "/templates/{id}/preview")}
#: What executors do as workers do theirs: attempts, logs and events tell of it, and no trail.
WORKING = {
    *{("post", f"/executors/{{id}}/{verb}") for verb in ("heartbeat", "claim", "leave")},
    *{
        ("post", f"/executions/{{id}}/{verb}")
        for verb in ("start", "log", "progress", "complete", "fail", "cancelled", "release")
    },
}
#: Who asks is known by what they send, not by a key; their own tests look at the trail.
BY_TOKEN = {
    ("post", "/invitations/accept"),
    ("post", "/auth/token"),
    ("post", "/auth/refresh"),
    ("post", "/auth/revoke"),
    ("post", "/me/password"),
    ("delete", "/auth/sessions/{id}"),
}
#: More than one thing is done: a redriven dead letter is closed, and its execution runs anew; a tenant's first test of a
#: connection makes the job that tests are executions of.
TWO = {
    ("post", "/dead-letters/{id}/redrive"): ["dead_letter.redriven", "execution.replayed"],
    ("post", "/secrets/{id}/test"): ["execution.triggered", "job.created"],
}
#: Their body says why, and that is the row's reason whatever the header says.
SAYING_WHY = {("post", "/executions/{id}/skip"), ("post", "/tags/{id}/pause"), ("post", "/approvals/{id}/reject")}


@pytest.fixture(scope="module")
def routes() -> set[tuple[str, str]]:
    paths = Client().get("/api/v1/openapi.json", headers={"Accept": "application/json"}).json()["paths"]
    return {
        (method, path.removeprefix("/api/v1"))
        for path, methods in paths.items()
        for method in methods
        if method in {"post", "put", "patch", "delete"}
    }


def test_every_route_that_changes_something_is_called_here(routes):
    assert routes - LOOKING - WORKING - BY_TOKEN == set(CALLS)


@pytest.mark.parametrize(("method", "route"), CALLS, ids=lambda part: part)
def test_a_change_leaves_a_row_with_actor_request_address_and_reason(method, route):
    world = World()
    subject, body = CALLS[method, route]
    path = "/api/v1" + route.replace("{id}", subject(world) if subject else "").replace("{step}", "load")
    of_platform = route.startswith(("/queues", "/tenants")) and not route.endswith("/defaults")
    actor = world.operator if of_platform else world.actor
    sent = body(world)
    sent = "" if sent is None else sent
    request = uuid4().hex
    headers = {"X-Request-Id": request, "X-Audit-Reason": "because"}
    client = actor.api._client
    answer = getattr(client, method)(path, sent, content_type="application/json", headers=headers)
    assert answer.status_code < 300, answer.content
    found = rows.fetch(
        "SELECT actor, host(address), reason, changes, action, signature IS NOT NULL FROM audit_event WHERE request_id = %s",
        request,
    )
    why = sent["reason"] if (method, route) in SAYING_WHY else "because"
    for who, address, reason, changes, _, signed in found:
        assert (who, address, reason, signed) == ("key:" + actor.key.split("_")[1], "127.0.0.1", why, True)
        assert changes
        assert all(
            field == "payload" or (isinstance(value, list) and len(value) == 2) for field, value in changes.items()
        )
    assert len(found) == 1 or sorted(row[4] for row in found) == TWO.get((method, route))


@pytest.mark.parametrize("route", sorted({route for method, route in CALLS if method == "post" and "{id}" in route}))
def test_a_refused_change_leaves_no_row(route):
    world = World()
    before = rows.fetch("SELECT count(*) FROM audit_event")
    path = "/api/v1" + route.replace("{id}", str(uuid4())).replace("{step}", "load")
    assert world.actor.api.post(path, {}).status_code >= 400
    assert rows.fetch("SELECT count(*) FROM audit_event") == before
