"""Bodies that are not what their headers say, or that nobody asked for, are refused and not guessed at."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator

from scheduler_project.asgi import Handler
from tests.support import rows
from tests.support.calls import CALLS, World

JOB = json.dumps({"name": "nightly", "type": "dummy"}).encode()


def told(answer):
    return answer.status_code, answer.json()["error"]["code"]


def send(owner, body, content_type="application/json", method="post", path="/api/v1/jobs", **headers):
    return owner.api._client.generic(method.upper(), path, body, content_type, headers=headers)


def stored(owner):
    return rows.fetch("SELECT count(*) FROM job WHERE tenant_id = %s", owner.tenant.id)[0][0]


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml",
     "application/json; charset=latin-1", "application/json; charset=utf-16", "nonsense"],
)  # fmt: skip
def test_what_is_not_json_in_utf8_is_refused(owner, content_type):
    assert told(send(owner, JOB, content_type)) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert stored(owner) == 0


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", 'Application/JSON; Charset="UTF-8"', "application/json;charset=utf8"],
)  # fmt: skip
def test_json_in_utf8_may_say_so(owner, content_type):
    assert send(owner, JOB, content_type).status_code == 201


def test_no_type_is_told_which_one_to_send(owner):
    assert "send application/json" in send(owner, JOB, "").json()["error"]["message"]


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "gzip, identity", "x"])
def test_compressed_body_is_refused(owner, encoding):
    body = gzip.compress(JOB) if encoding.startswith("gzip") else JOB
    assert told(send(owner, body, Content_Encoding=encoding)) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert send(owner, JOB, Content_Encoding="identity").status_code == 201


def test_key_that_comes_twice_is_refused_by_its_name(owner):
    answer = send(owner, b'{"name": "a", "type": "dummy", "payload": {"fail_rate": 0, "fail_rate": 1}}')
    assert told(answer) == (400, "INVALID_JSON")
    assert "'fail_rate'" in answer.json()["error"]["message"]
    assert stored(owner) == 0


@pytest.mark.parametrize("method", ["get", "delete"])
def test_body_where_none_is_taken_is_refused_as_on_a_post_that_takes_none(owner, method):
    job = rows.job(owner.tenant.id)[0]
    path = f"/api/v1/jobs/{job}"
    assert told(send(owner, b'{"force": true}', method=method, path=path)) == (400, "UNKNOWN_FIELD")
    assert told(send(owner, b"force", method=method, path=path)) == (400, "INVALID_JSON")
    assert told(send(owner, b"force=true", "text/plain", method=method, path=path)) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert send(owner, b"{}", method=method, path=path).status_code in (200, 204)


@pytest.mark.parametrize("route", sorted(route for method, route in CALLS if method == "post"))
def test_no_post_overlooks_a_field_it_does_not_know(route):
    world = World()
    subject, body = CALLS["post", route]
    path = "/api/v1" + route.replace("{id}", subject(world) if subject else "")
    actor = world.operator if route.startswith(("/queues", "/tenants")) else world.actor
    answer = actor.api.post(path, {**body(world), "no_such_field": 1})
    assert told(answer) == (400, "UNKNOWN_FIELD"), answer.content


def asked(owner: Any, body: list[bytes], **headers: str) -> tuple[int, Any]:
    """The answer of the web process's handler to a body that comes in parts, with headers as they are said to be."""

    async def ask() -> tuple[int, Any]:
        named = {"host": "testserver", "content-type": "application/json", "x-api-key": owner.key, **headers}
        scope = {
            "type": "http", "method": "POST", "path": "/api/v1/jobs", "query_string": b"", "http_version": "1.1", "scheme": "http",
            "headers": [(name.encode(), value.encode()) for name, value in named.items()], "client": ("127.0.0.1", 1),
        }  # fmt: skip
        talk = ApplicationCommunicator(Handler(), scope)
        for place, part in enumerate(body, 1):
            await talk.send_input({"type": "http.request", "body": part, "more_body": place < len(body)})
        status = (await talk.receive_output(10))["status"]
        sent = b""
        while (part := await talk.receive_output(10)).get("more_body"):
            sent += part["body"]
        await talk.wait()
        return status, json.loads(sent + part.get("body", b""))

    return asyncio.run(ask())


def test_body_in_chunks_of_unsaid_length_is_read(owner):
    status, job = asked(owner, [JOB[:5], JOB[5:]])
    assert (status, job["name"]) == (201, "nightly")


@pytest.mark.parametrize("said", ["1", str(len(JOB) + 1), "0"])
def test_length_that_is_not_the_bodys_is_refused(owner, said):
    status, answer = asked(owner, [JOB], **{"content-length": said})
    assert (status, answer["error"]["code"]) == (400, "INVALID_JSON")
    assert stored(owner) == 0


@pytest.mark.parametrize("headers", [{}, {"content-length": str(40 * 2**16)}])
def test_body_that_is_too_large_is_let_go_as_it_comes(owner, headers):
    status, answer = asked(owner, [b" " * 2**16] * 40, **headers)
    assert (status, answer["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")


def test_no_more_of_a_body_is_kept_than_may_be_sent(settings):
    sizes = iter([settings.DATA_UPLOAD_MAX_MEMORY_SIZE, 5, 5, 0])

    async def read() -> int:
        async def receive() -> Any:
            size = next(sizes)
            return {"type": "http.request", "body": b"x" * size, "more_body": size > 0}

        with await Handler().read_body(receive) as body:
            return len(body.read())

    assert asyncio.run(read()) == settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1


def test_who_asks_is_told_first_whatever_they_send():
    from django.test import Client

    answer = Client().generic("POST", "/api/v1/jobs", JOB, "", headers={"Content-Encoding": "gzip"})
    assert told(answer) == (401, "UNAUTHENTICATED")
