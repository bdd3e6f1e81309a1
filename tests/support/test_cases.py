"""What groups cases must fail as they would have failed alone."""

from __future__ import annotations

import pytest

from tests.support import cases

VALUES = {"a": 1, "b": 0, "d": 1}


def tried(names: str) -> list[str]:
    done = []
    with cases.each() as case:
        for name in names:
            with case(name):
                done.append(name)
                assert VALUES[name] == 1, "is wrong"
    return done


def test_every_case_that_fails_is_named_and_the_others_are_tried_all_the_same() -> None:
    assert tried("ad") == ["a", "d"]
    with pytest.raises(AssertionError) as failed:
        tried("abcd")
    told = str(failed.value).splitlines()
    assert told[0].startswith("b: AssertionError: is wrong")
    assert "c: KeyError: 'c'" in told


@pytest.mark.parametrize(("names", "told"), [("", "no case"), ("aa", "called a")])
def test_no_case_and_two_of_one_name_are_failures(names: str, told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        tried(names)
