"""What docs/security.md names as the proof of a wall is a test that there is."""

from __future__ import annotations

import ast
import functools
import re

from tests.support import cases
from tests.support.sources import ROOT

#: Each has attacks of its own, which must be tried.
WALLS = {"egress", "sandbox", "files", "databases", "templates", "secrets"}


def rows() -> list[tuple[str, str, list[str]]]:
    """Wall, attack and tests of each row of the table."""
    section = (ROOT / "docs/security.md").read_text().partition("\n## Proofs\n")[2].partition("\n## ")[0]
    columns = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return [(wall, attack, re.findall(r"`(.+?)`", tests)) for wall, attack, tests in columns[1:]]


@functools.cache
def defined_in(path: str) -> set[str]:
    """Those of a file below tests/; none of one that is not there."""
    file = ROOT / "tests" / path
    tree = ast.parse(file.read_text() if file.is_file() else "")
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_proof_of_a_wall_is_there():
    with cases.each() as case:
        for _, attack, named in rows():
            with case(attack):
                assert named
                assert [
                    each for each in named if each.partition("::")[2] not in defined_in(each.partition("::")[0])
                ] == []


def test_every_wall_has_proofs():
    assert {wall for wall, *_ in rows()} >= WALLS
