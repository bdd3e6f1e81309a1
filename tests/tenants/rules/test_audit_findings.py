"""A chain is judged in whatever order its seals are met."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tenants.rules.audit_chain import NOTHING, PLATFORM, Anchor
from tenants.rules.audit_findings import Chain, Kind, compared


def digest(number: int) -> bytes:
    return number.to_bytes(32, "big") if number else NOTHING


def met(numbers) -> tuple[Chain, list[int]]:
    chain = Chain("it")
    return chain, [number for number in numbers if not chain.meet(number, digest(number - 1), digest(number))]


@given(st.permutations(range(1, 30)))
@settings(deadline=None, database=None)
def test_a_whole_chain_holds_in_any_order_and_takes_no_memory(order):
    chain, broken = met(order)
    assert broken == []
    assert list(chain.missing()) == []
    assert (chain.highest, len(chain._begins), len(chain._ends)) == (29, 1, 1)


@given(st.permutations([n for n in range(1, 30) if n not in (7, 8, 20)]))
@settings(deadline=None, database=None)
def test_gaps_are_named(order):
    chain, broken = met(order)
    assert broken == []
    assert [finding.message for finding in chain.missing()] == [
        "it: 7 to 8 are gone, with the rows sealed there",
        "it: 20 is gone, with the rows sealed there",
    ]
    assert len(chain._begins) == 3


@given(st.permutations(range(1, 10)))
@settings(deadline=None, database=None)
def test_one_that_holds_another_before_it_is_found_once(order):
    chain = Chain("it")
    fits = [chain.meet(n, digest(99) if n == 5 else digest(n - 1), digest(n)) for n in order]
    assert fits.count(False) == 1


def test_the_first_holds_nothing_before_it():
    assert not Chain("it").meet(1, digest(4), digest(1))


def test_an_anchor_finds_a_chain_that_was_cut_or_made_anew():
    anchor = Anchor(PLATFORM, 5, digest(5))
    assert compared(anchor, 9, digest(5)) is None
    kinds = [compared(anchor, *seen).kind for seen in ((4, None), (9, None), (9, digest(6)))]
    assert kinds == [Kind.CUT, Kind.MISSING, Kind.REWRITTEN]
