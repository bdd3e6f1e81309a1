"""Trigger rules mean what Airflow's documentation and source say they mean, over all combinations of three upstreams.

What is expected is written down here a second time, from Airflow's own words: :func:`airflow` follows its documented
order (first what ends a task without running it, then what lets it run), and the rows of :data:`ROWS` were read off
its list of rules by hand. ``all_done_min_one_success`` and ``all_done_setup_success`` are not among ours.
"""

from __future__ import annotations

from itertools import pairwise, permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.rules.trigger_rules import Counts, Outcome, Rule, Verdict, counts, decide, together

LETTERS = dict(zip("wsfuk", Outcome, strict=True))  # waiting, succeeded, failed, upstream_failed, skipped
WAIT, START, FAILS, NOT_MET = Verdict.WAIT, Verdict.START, Verdict.UPSTREAM_FAILED, Verdict.NOT_MET


def verdict(rule: Rule, letters: str) -> Verdict:
    return decide(rule, counts(LETTERS[letter] for letter in letters))


def airflow(rule: str, seen: str) -> Verdict:
    """As Airflow decides: ``seen`` are the upstreams' letters."""
    over = "w" not in seen
    some_failed = "f" in seen or "u" in seen
    match rule:
        case "always":
            return START
        case "all_success":
            ends = FAILS if some_failed else NOT_MET if "k" in seen else None
            runs = set(seen) <= {"s"}
        case "all_failed":
            ends = NOT_MET if "s" in seen or "k" in seen else None
            runs = set(seen) <= {"f", "u"}
        case "all_done":
            ends, runs = None, over
        case "all_skipped":
            ends = NOT_MET if set(seen) & {"s", "f", "u"} else None
            runs = set(seen) <= {"k"}
        case "one_success":
            ends = (NOT_MET if set(seen) == {"k"} else FAILS) if over and "s" not in seen else None
            runs = "s" in seen
        case "one_failed":
            ends = NOT_MET if over and not some_failed else None
            runs = some_failed
        case "one_done":  # "at least one has either succeeded or failed": upstream_failed is neither
            ends = NOT_MET if over and "s" not in seen and "f" not in seen else None
            runs = "s" in seen or "f" in seen
        case "none_failed":
            ends = FAILS if some_failed else None
            runs = set(seen) <= {"s", "k"}
        case "none_failed_min_one_success":
            ends = FAILS if some_failed else NOT_MET if set(seen) == {"k"} else None
            runs = set(seen) <= {"s", "k"}
        case "none_skipped":
            ends = NOT_MET if "k" in seen else None
            runs = over and "k" not in seen
        case _:
            raise AssertionError(rule)
    return ends or (START if runs else WAIT)


TRIPLES = ["".join(letters) for letters in product("wsfuk", repeat=3)]


@pytest.mark.parametrize("rule", Rule)
def test_every_rule_decides_as_airflow_does_over_all_combinations_of_three_upstreams(rule):
    assert {seen: verdict(rule, seen) for seen in TRIPLES} == {seen: airflow(rule, seen) for seen in TRIPLES}


def test_no_combination_was_left_out():
    assert (len(TRIPLES), len(Rule)) == (125, 11)


#: By hand: a rule, three upstreams, and what follows.
ROWS = """
all_success sss start | all_success ssw wait | all_success ssf upstream_failed | all_success ssu upstream_failed
all_success ssk not_met | all_success wwf upstream_failed | all_success wwk not_met | all_success fwk upstream_failed
all_failed fff start | all_failed fuf start | all_failed ffw wait | all_failed ffs not_met | all_failed ffk not_met
all_failed sww not_met
all_done sfk start | all_done uuu start | all_done kkk start | all_done sfw wait
all_skipped kkk start | all_skipped kkw wait | all_skipped kks not_met | all_skipped uww not_met
one_success sww start | one_success sfu start | one_success fuw wait | one_success kkw wait | one_success fff upstream_failed
one_success kkf upstream_failed | one_success kku upstream_failed | one_success kkk not_met
one_failed fww start | one_failed uww start | one_failed skw wait | one_failed sss not_met | one_failed skk not_met
one_done sww start | one_done fww start | one_done uww wait | one_done kkw wait | one_done uuu not_met | one_done ukk not_met
one_done kkk not_met | one_done uus start | one_done uuf start
none_failed sss start | none_failed ssk start | none_failed kkk start | none_failed skw wait | none_failed fww upstream_failed
none_failed kku upstream_failed
none_failed_min_one_success ssk start | none_failed_min_one_success kkk not_met | none_failed_min_one_success kkw wait
none_failed_min_one_success skf upstream_failed | none_failed_min_one_success sww wait
none_skipped sfu start | none_skipped sfw wait | none_skipped kww not_met | none_skipped ffk not_met
always www start | always fuk start
"""


@pytest.mark.parametrize("row", [row.strip() for line in ROWS.strip().splitlines() for row in line.split("|")])
def test_rows_read_off_the_documentation_by_hand(row):
    rule, seen, follows = row.split()
    assert verdict(Rule(rule), seen) == follows


UPSTREAMS = st.text(alphabet="wsfuk", min_size=1, max_size=40)
RULES = st.sampled_from(list(Rule))


@given(RULES, UPSTREAMS, st.randoms())
def test_the_order_of_upstreams_does_not_matter(rule, seen, chance):
    shuffled = list(seen)
    chance.shuffle(shuffled)
    assert verdict(rule, "".join(shuffled)) == verdict(rule, seen) == airflow(rule, seen)


@given(RULES, st.text(alphabet="sfuk", min_size=1, max_size=40))
def test_a_verdict_stays_as_more_upstreams_end(rule, ends):
    """But for one of Airflow's own: under all_success a skip is told at once, and a failure that comes later tells more."""
    steps = [verdict(rule, ends[:count] + "w" * (len(ends) - count)) for count in range(len(ends) + 1)]
    for before, after in pairwise(steps):
        told_more = rule is Rule.ALL_SUCCESS and (before, after) == (NOT_MET, FAILS)
        assert before in (WAIT, after) or told_more


@given(RULES, st.text(alphabet="sfuk", min_size=1, max_size=40))
def test_nothing_waits_for_upstreams_that_have_all_ended(rule, ends):
    assert verdict(rule, ends) != WAIT


@pytest.mark.parametrize("rule", Rule)
def test_what_has_no_upstreams_starts(rule):
    assert decide(rule, counts(())) == START


def test_counts_tell_those_that_never_started_apart():
    assert counts(LETTERS[letter] for letter in "wsffuk") == Counts(6, 1, 3, 1, upstream_failed=1)


@pytest.mark.parametrize(
    ("verdicts", "follows"),
    [
        ([START, START], START), ([], START), ([START, WAIT], WAIT), ([WAIT, NOT_MET], NOT_MET),
        ([START, NOT_MET, FAILS], FAILS), ([WAIT, FAILS], FAILS),
    ],
)  # fmt: skip
def test_rules_of_one_downstream_all_have_to_let_it_start(verdicts, follows):
    assert all(together(order) == follows for order in permutations(verdicts))
