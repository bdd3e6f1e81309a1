"""Which executor may run what, as a table."""

from __future__ import annotations

import pytest

from jobs.rules.matching import CAPABILITY, Needs, Offer, described, fits
from tests.support.matching import CASES


@pytest.mark.parametrize(("capabilities", "executor", "name", "offered", "expected"), CASES)
def test_who_fits(capabilities: list[str], executor: str, name: str, offered: list[str], expected: bool) -> None:
    assert fits(Needs(capabilities, executor), Offer(name, offered)) is expected


@pytest.mark.parametrize("text", ["gpu", "region:eu", "py3.12", "a/b-c_d", "x" * 64])
def test_what_a_capability_may_be_called(text: str) -> None:
    assert CAPABILITY.fullmatch(text)


@pytest.mark.parametrize("text", ["", "GPU", "a b", "-a", "a-", "{{ x }}", "ä", "x" * 65])
def test_what_no_capability_is_called(text: str) -> None:
    assert not CAPABILITY.fullmatch(text)


@pytest.mark.parametrize(
    ("needs", "words"),
    [
        (Needs(), "an executor"),
        (Needs(["gpu"]), "an executor with the capability gpu"),
        (Needs(["gpu", "eu"], "alpha"), "the executor alpha with the capabilities eu, gpu"),
    ],
)
def test_needs_in_words(needs: Needs, words: str) -> None:
    assert described(needs) == words
