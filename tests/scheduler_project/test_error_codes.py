"""Every code that an answer may carry stands in docs/api.md, with what is wrong and what to do."""

from __future__ import annotations

import ast

import pytest

from scheduler_project import error_codes, errors
from scheduler_project.env import ROOT
from tests.support import sources

PAGE = (ROOT / "docs" / "api.md").read_text()
FAMILY = sorted(error_codes.classes(), key=lambda error: error.__qualname__)


def test_the_family_is_whole():
    named = {error.__name__ for error in FAMILY}
    below = {
        node.name
        for path, node in sources.nodes()
        if isinstance(node, ast.ClassDef) and str(path).split("/")[0] in error_codes.PACKAGES
        and any("ServiceError" in ast.unparse(base) for base in node.bases)
    }  # fmt: skip
    assert below <= named
    assert {"TaskLocked", "InvalidSchedule", "RateLimited"} <= named


@pytest.mark.parametrize("error", FAMILY, ids=lambda error: error.__name__)
def test_every_class_stands_in_the_table(error):
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{error.code}` | {error.status} |"))
    assert error_codes.meaning_of(error) in row


def test_codes_of_the_edge_stand_there_too():
    for code in {*errors.CODES.values(), *(code for code, _ in error_codes.OF_THE_EDGE)}:
        assert f"| `{code}` |" in PAGE
