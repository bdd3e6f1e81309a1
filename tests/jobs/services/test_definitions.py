"""Where in a payload something is wrong, in the client's words."""

from __future__ import annotations

import pytest

from jobs.models import Job
from jobs.services import definitions
from tenants.errors import Invalid
from tenants.models import Tenant

URL = {"url": "https://example.com"}


@pytest.mark.parametrize(
    ("payload", "fields"),
    [
        ({}, {"payload.url"}),
        ({**URL, "headers": {"A": 1, "B": "ok"}}, {"payload.headers.A"}),
        ({**URL, "expected_status": [200, 99]}, {"payload.expected_status", "payload.expected_status[1]"}),
        ({**URL, "method": "BREW", "zz": 1}, {"payload.method", "payload.zz"}),
        ({**URL, "form": {}, "body": 1}, {"payload"}),
    ],
)
def test_each_wrong_place_is_named_without_the_branches_of_unions(payload, fields):
    with pytest.raises(Invalid) as refused:
        definitions.check_payload(Job(type="http", tenant=Tenant()), payload)
    assert set(refused.value.details) == fields


def test_unknown_type_names_the_known_ones():
    with pytest.raises(Invalid, match="dummy") as refused:
        definitions.check_payload(Job(type="telepathy", tenant=Tenant()), {})
    assert list(refused.value.details) == ["type"]


def test_path_of_the_payload_goes_before_the_field():
    with pytest.raises(Invalid) as refused:
        definitions.check_payload(Job(type="http", tenant=Tenant()), {}, "schedules[1].payload")
    assert list(refused.value.details) == ["schedules[1].payload.url"]
