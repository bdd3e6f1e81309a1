"""Values that mean something here, in place of such that merely pass their schemas: or services would hardly be reached."""

from __future__ import annotations

from typing import Any

EXPRESSION = "{{ now }}"
BY_FIELD: dict[str, Any] = {
    "queue": "default", "timezone": "Europe/Berlin", "expression": "*/5 * * * *", "rate_limit": "10/m", "concurrency_key": "",
    "retry": {"max_attempts": 2}, "end_at": None, "run_at": "2150-01-01T00:00:00Z", "url": "https://example.com",
    "email": "somebody@example.com", "addresses": [],
    "allowed_queues": ["default"], "allowed_job_types": ["dummy"], "expires_at": None, "pool": "prefork",
}  # fmt: skip


def of(value: Any, *, job: str) -> Any:
    """The same, with values that mean something at the fields that are there."""
    known = {**BY_FIELD, "job": job}
    if isinstance(value, dict):
        return {
            name: known[name] if name in known and each is not None else of(each, job=job)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [of(each, job=job) for each in value]
    return EXPRESSION if isinstance(value, str) and "{{" in value else value
