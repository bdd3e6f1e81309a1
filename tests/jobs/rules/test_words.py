"""Every code of the domain has its words, in one place and in one manner."""

from __future__ import annotations

import pytest

from jobs.rules import words
from jobs.rules.codes import KINDS, Failure, Outlook, Wait

EVERY = [(kind, code) for kind in KINDS for code in kind]


@pytest.mark.parametrize(("kind", "code"), EVERY, ids=str)
def test_every_code_has_a_clause_that_goes_into_a_sentence(kind, code):
    known = words.of(code)
    for clause in (known.clause(), known.clause(limit=3, used=2), known.clause(limit=3)):
        assert clause
        assert clause[0].islower()
        assert not clause.endswith(".")
        assert "{" not in clause
    assert known.advice == "" or (known.advice[0].isupper() and known.advice.endswith("."))
    assert words.told(code) == words.sentence(known.plain, known.advice)


def test_a_text_that_is_a_code_of_two_kinds_is_said_as_what_it_is():
    assert words.of(Wait.QUEUE_PAUSED) != words.of(Outlook.QUEUE_PAUSED)


def test_a_cap_is_said_with_its_figures_as_far_as_they_are_known():
    job, queue = words.of(Wait.JOB_CAP), words.of(Wait.QUEUE_CAP)
    assert job.clause(limit=3, used=3) == "its job is at 3/3 in flight"
    assert job.clause(limit=3) == job.plain
    assert queue.clause(limit=20) == "its queue carries as much as it may, which is 20"


def test_a_handlers_own_code_is_named():
    assert words.of_failure("TIMEOUT") is words.of(Failure.TIMEOUT)
    assert words.of_failure("OUT_OF_PAPER").plain == "it failed with OUT_OF_PAPER"


def test_a_sentence_begins_with_a_capital_and_ends_once():
    assert words.sentence("it is so", "Do this.") == "It is so. Do this."
    assert words.sentence("it is so.") == "It is so."
