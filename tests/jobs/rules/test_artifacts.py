"""What an artifact may be called, and how long it stays."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jobs.rules import artifacts
from jobs.rules.artifacts import BadArtifact


@pytest.mark.parametrize("name", ["rows.csv", "Umsätze 2026.xlsx", "…", "a" * 200, "-rf", "%2e%2e"])
def test_a_name_that_people_can_read(name):
    artifacts.check(name, "text/csv")


@pytest.mark.parametrize(
    "name", ["", " ", ".", "..", "a/b", "a\\b", "/etc/passwd", "a\nb", "a\0", "a" * 201, " a", "a\u202eb", "a\ud800"]
)
def test_a_name_that_is_none(name):
    with pytest.raises(BadArtifact, match="cannot name an artifact"):
        artifacts.check(name, "text/csv")


@pytest.mark.parametrize(
    "content_type", ["text/csv", "text/html; charset=utf-8", "application/vnd.ms-excel", "image/svg+xml"]
)
def test_a_content_type(content_type):
    artifacts.check("a", content_type)


@pytest.mark.parametrize(
    "content_type", ["", "csv", "text/csv\r\nSet-Cookie: a=b", "a/b; name=x", "a/" + "b" * 120, "*/*"]
)
def test_what_is_no_content_type(content_type):
    with pytest.raises(BadArtifact, match="is no content type"):
        artifacts.check("a", content_type)


@pytest.mark.parametrize(
    ("own", "retention", "days"), [(None, None, 30), (7, None, 7), (99, None, 30), (None, 3, 3), (7, 3, 3), (2, 3, 2)]
)
def test_kept_as_the_tenant_says_and_never_longer_than_executions(own, retention, days):
    kept = artifacts.kept(own, retention, artifacts=timedelta(days=30), executions=timedelta(days=90))
    assert kept == timedelta(days=days)
