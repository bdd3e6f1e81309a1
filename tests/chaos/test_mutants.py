"""Every mutant still is one, and the checker catches those that are quickest to hunt."""

from __future__ import annotations

import importlib
from types import SimpleNamespace

import pytest

from jobs.engine import dispatch
from tests.chaos.mutants import catalogue, hunt
from tests.chaos.mutants.catalogue import MUTANTS
from tests.chaos.mutants.scenarios import SCENARIOS


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_what_a_mutant_breaks_is_there_to_be_broken(name, monkeypatch):
    monkeypatch.setattr(dispatch, "publish", dispatch.publish)  # one mutant reaches beyond the copies made here
    copies = {}
    for module, change in [*catalogue.QUICK, *MUTANTS[name].grafts]:
        original = importlib.import_module(module)
        copy = copies.setdefault(module, SimpleNamespace(**vars(original)))
        before = dict(vars(copy))
        change(copy)
        assert vars(copy) != before
    assert MUTANTS[name].scenario in SCENARIOS


@pytest.mark.parametrize("name", ["claim-without-state"])
def test_a_mutant_is_caught(servers, tmp_path, name):
    """The others by `make chaos MUTANTS=1`."""
    mutant = MUTANTS[name]
    found = hunt.play(servers, tmp_path, mutant.scenario, name)
    assert {violation.code for violation in found} & set(mutant.caught_by), found
