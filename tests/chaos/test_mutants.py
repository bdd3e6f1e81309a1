"""Every mutant still is one, and the checker catches those that are quickest to hunt."""

from __future__ import annotations

import subprocess
import sys

import pytest

from scheduler_project.env import ROOT
from tests.chaos.mutants import hunt
from tests.chaos.mutants.catalogue import MUTANTS
from tests.chaos.mutants.scenarios import SCENARIOS

#: Loads every module a mutant changes, as the mutant.
LOAD = """
import importlib, os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scheduler_project.settings")
from tests.chaos.mutants import catalogue, grafting
grafting.graft(sys.argv[1])
import django
django.setup()
for module, _ in catalogue.MUTANTS[sys.argv[1]].grafts:
    importlib.import_module(module)
"""


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_what_a_mutant_breaks_is_there_to_be_broken(name):
    done = subprocess.run([sys.executable, "-c", LOAD, name], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert MUTANTS[name].scenario in SCENARIOS


@pytest.mark.xdist_group("chaos")
@pytest.mark.parametrize("name", ["ended-is-cancelled", "claim-without-state"])
def test_a_mutant_is_caught(servers, tmp_path, name):
    mutant = MUTANTS[name]
    found = hunt.play(servers, tmp_path, mutant.scenario, name)
    assert {violation.code for violation in found} & set(mutant.caught_by), found
