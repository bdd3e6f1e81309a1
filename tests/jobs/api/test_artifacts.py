"""/artifacts: what executions left, to be listed, saved and deleted."""

from __future__ import annotations

import hashlib
from uuid import uuid4

import pytest

from tests.support import artifacts, rows

PAGE = b"<script>alert(document.domain)</script>"


@pytest.fixture
def execution(owner):
    return rows.execution(rows.job(owner.tenant.id), "succeeded")


@pytest.fixture
def left(owner, execution):
    """Leaves one; returns its path."""

    def leave(content: bytes = b"0123456789", **columns: object) -> str:
        return f"/api/v1/artifacts/{artifacts.kept(owner.tenant.id, execution, content, **columns)}"

    return leave


def body(answer):
    return b"".join(answer.streaming_content)


def code(answer):
    return answer.status_code, answer.json()["error"]["code"]


def test_an_executions_artifacts_are_listed_by_name(owner, execution, left):
    left(name="b.csv"), left(name="a.csv"), left(name="gone", state="deleted")
    listed = owner.api.get(f"/api/v1/executions/{execution}/artifacts").json()
    assert [row["name"] for row in listed["data"]] == ["a.csv", "b.csv"]
    assert listed["next_cursor"] is None


def test_one_is_told_without_its_bytes_and_without_where_they_lie(owner, execution, left):
    path = left(name="rows.csv")
    shown = owner.api.get(path).json()
    assert {**shown, "created_at": "", "expires_at": ""} == {
        "id": path.rpartition("/")[2], "execution_id": str(execution), "attempt": 1, "name": "rows.csv", "bytes": 10,
        "sha256": hashlib.sha256(b"0123456789").hexdigest(), "content_type": "text/csv", "state": "kept",
        "created_at": "", "expires_at": "",
    }  # fmt: skip


def test_its_bytes_come_as_a_file_to_save(owner, left):
    answer = owner.api.get(f"{left(name='Umsätze.csv')}/content")
    assert (answer.status_code, body(answer), answer["Content-Length"]) == (200, b"0123456789", "10")
    assert answer["Content-Disposition"] == "attachment; filename*=utf-8''Ums%C3%A4tze.csv"
    assert answer["ETag"] == f'"{hashlib.sha256(b"0123456789").hexdigest()}"'
    assert answer["Content-Type"] == "text/csv"


@pytest.mark.parametrize(
    "content_type",
    ["text/html", "image/svg+xml", "text/javascript", "application/xhtml+xml", "text/css", "TEXT/HTML; charset=utf-8"],
)
def test_a_page_never_acts_as_ours(owner, left, content_type):
    answer = owner.api.get(f"{left(PAGE, name='page.html', content_type=content_type)}/content")
    assert body(answer) == PAGE
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"] == 'attachment; filename="page.html"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"


def test_part_of_it(owner, left):
    path = f"{left()}/content"
    answer = owner.api.ask("get", path, Range="bytes=2-4")
    assert (answer.status_code, body(answer), answer["Content-Range"]) == (206, b"234", "bytes 2-4/10")
    answer = owner.api.ask("get", path, Range="bytes=10-")
    assert (answer.status_code, answer["Content-Range"]) == (416, "bytes */10")
    answer = owner.api.ask("get", path, Range="bytes=2-4", If_Range='"another"')
    assert (answer.status_code, body(answer)) == (200, b"0123456789")


def test_who_has_it_is_sent_nothing(owner, left):
    path = f"{left()}/content"
    tag = owner.api.get(path)["ETag"]
    answer = owner.api.ask("get", path, If_None_Match=f'"x", {tag}')
    assert (answer.status_code, answer.content, answer["ETag"]) == (304, b"", tag)


def test_an_empty_one_is_sent_too(owner, left):
    answer = owner.api.get(f"{left(b'')}/content")
    assert (answer.status_code, body(answer), answer["Content-Length"]) == (200, b"", "0")


@pytest.mark.parametrize("columns", [{"expires_at": "2026-01-01T00:00:00Z"}, {"state": "lost"}, {"key": uuid4()}])
def test_what_is_over_or_lost_is_gone(owner, left, columns):
    assert code(owner.api.get(f"{left(**columns)}/content")) == (410, "GONE")


def test_a_deleted_one_is_not_there(owner, left):
    path = left()
    assert owner.api.delete(path).status_code == 204
    for method, at in (("get", path), ("get", f"{path}/content"), ("delete", path)):
        assert code(getattr(owner.api, method)(at)) == (404, "NOT_FOUND")
    (row,) = rows.fetch("SELECT state, expires_at <= now() FROM artifact WHERE id = %s", path.rpartition("/")[2])
    assert row == ("deleted", True)


def test_another_tenants_is_like_none(outsider, execution, left):
    path = left()
    for at in (path, f"{path}/content", f"/api/v1/executions/{execution}/artifacts"):
        assert code(outsider.api.get(at)) == (404, "NOT_FOUND")
    assert code(outsider.api.delete(path)) == (404, "NOT_FOUND")


def test_who_may_not_see_results_sees_that_there_is_one_and_not_what_is_in_it(teammate, left):
    path = left()
    assert teammate.api.get(path).status_code == 200
    assert code(teammate.api.get(f"{path}/content")) == (403, "MISSING_SCOPE")
    assert code(teammate.api.delete(path)) == (403, "MISSING_SCOPE")
