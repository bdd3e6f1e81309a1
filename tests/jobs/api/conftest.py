"""Jobs made over the API, and the Celery app that it rings through."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest

from tests.support import rows
from tests.support.slots import Hours, hourly

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


@pytest.fixture
def named(make_job: Make) -> Callable[..., list[str]]:
    """Makes jobs by these names; answers their ids."""

    def make(*names: str, **fields: Any) -> list[str]:
        return [make_job(name=name, **fields)["id"] for name in names]

    return make


@pytest.fixture
def queue() -> str:
    """The name of a queue of one's own, with a live worker."""
    name = f"q-{secrets.token_hex(4)}"
    rows.insert("queue", name=name, created_at=rows.now())
    rows.worker(queues=(name,))
    return name


@pytest.fixture
def hours(owner: Any) -> Hours:
    """An hourly schedule of the owner's."""
    return hourly(rows.job(owner.tenant.id))
