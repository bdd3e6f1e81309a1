"""Jobs made over the API, and the Celery app that it rings through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from scheduler_project import celery  # noqa: F401 - as in every process of ours

Make = Callable[..., dict[str, Any]]


@pytest.fixture
def make_job(owner: Any) -> Make:
    """Posts a dummy job of the owner; keywords go over the body's fields."""

    def make(**fields: Any) -> dict[str, Any]:
        answer = owner.api.post("/api/v1/jobs", {"name": "nightly", "type": "dummy", **fields})
        assert answer.status_code == 201, answer.json()
        job: dict[str, Any] = answer.json()
        return job

    return make
