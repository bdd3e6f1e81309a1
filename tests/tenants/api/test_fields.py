"""Ids, instants and numbers as clients may write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from rest_framework.exceptions import ValidationError

from tenants.api import fields

ID = "0190a0a0-0000-7000-8000-00000000000a"


def test_only_the_canonical_form_is_an_id():
    assert str(fields.id_of(ID)) == str(fields.id_of(ID.upper())) == ID
    for text in ("", "nightly", ID[:-1], ID.replace("-", ""), f"{{{ID}}}", f"urn:uuid:{ID}", f" {ID}"):
        assert fields.id_of(text) is None


def test_instants_are_read_with_any_offset_and_printed_in_utc():
    instant = fields.Instant().run_validation("2026-03-01T09:00:00+01:00")
    assert instant == datetime(2026, 3, 1, 8, tzinfo=UTC)
    assert fields.Instant().to_representation(instant) == "2026-03-01T08:00:00Z"


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01T09:00:00",
        "2026-03-01",
        "soon",
        "1969-12-31T23:59:59Z",
        "2200-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_instant_without_offset_or_out_of_range_is_refused(text):
    with pytest.raises(ValidationError):
        fields.Instant().run_validation(text)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1", True, None, [1]])
def test_only_a_json_number_is_a_number(value):
    with pytest.raises(ValidationError):
        fields.Number(min_value=0).run_validation(value)
