"""A job that comes from elsewhere than a request's body, held to the same shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ValidationError

from jobs import errors
from jobs.api.shapes.jobs import JobInput
from jobs.services import job_reading
from tenants.api.flattening import flatten


@job_reading.register
def read(job: Mapping[str, Any]) -> dict[str, Any]:
    """As POST /jobs takes it."""
    shape = JobInput(data=job)
    try:
        shape.is_valid(raise_exception=True)
    except ValidationError as error:
        raise errors.invalid(flatten(error.detail)) from None
    return dict(shape.validated_data)
