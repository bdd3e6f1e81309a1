"""The refusals of a list's items are told together, each by its place."""

from __future__ import annotations

import pytest

from tenants import errors
from tenants.actors import MissingPermission
from tenants.refused_items import RefusedItems


def refused(*found: errors.ServiceError | None) -> errors.ServiceError:
    refusals = RefusedItems("jobs")
    for place, error in enumerate(found):
        with refusals.of(place):
            if error:
                raise error
    with pytest.raises(errors.ServiceError) as raised:
        refusals.raise_any()
    return raised.value


def told(error: errors.ServiceError) -> tuple[int, str]:
    return error.status, error.code


def test_nothing_is_raised_for_nothing():
    refusals = RefusedItems("jobs")
    with refusals.of(0):
        pass
    refusals.raise_any()


def test_each_is_named_by_its_place_and_field():
    error = refused(errors.NotFound.about("job", "not here"), None, errors.NotFound.about("job", "nor this"))
    assert told(error) == (404, "NOT_FOUND")
    assert error.details == {"jobs[0].job": ["not here"], "jobs[2].job": ["nor this"]}
    assert str(error) == "jobs[0].job: not here"


def test_one_without_fields_is_the_items():
    error = refused(None, MissingPermission("you lack it", details={"required": "a", "granted": ["b"]}))
    assert (*told(error), error.details) == (403, "MISSING_SCOPE", {"jobs[1]": ["you lack it"]})


def test_different_ones_are_not_valid_together():
    error = refused(errors.Invalid.about("name", "bad"), errors.NotFound.about("job", "not here"))
    assert (*told(error), list(error.details)) == (422, "VALIDATION_FAILED", ["jobs[0].name", "jobs[1].job"])


def test_a_defect_is_no_refusal():
    with pytest.raises(ZeroDivisionError), RefusedItems("jobs").of(0):
        raise ZeroDivisionError
