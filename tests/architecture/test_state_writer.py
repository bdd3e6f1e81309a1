"""jobs/engine/transitions.py with its statements is the only writer of an execution's state."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from jobs import sql
from tests.support import sources

FOLDER = Path(sql.__file__).parent
WRITER = "transitions.sql"
#: An UPDATE of the table execution up to the end of its SET list.
UPDATE = re.compile(
    r"\bUPDATE\s+execution\b(?:\s+\w+)?\s+SET\b(.*?)(?:\bFROM\b|\bWHERE\b|\bRETURNING\b|$)", re.I | re.S
)
INSERT = re.compile(r"\bINSERT\s+INTO\s+execution\b(?!_)", re.I)
WRITES = {"create", "update", "bulk_create", "bulk_update", "get_or_create", "update_or_create", "save"}


def writes_state(text: str) -> bool:
    return bool(INSERT.search(text)) or any(re.search(r"\bstate\s*=", found) for found in UPDATE.findall(text))


def test_one_file_of_statements_writes_the_state():
    assert [path.name for path in sorted(FOLDER.glob("*.sql")) if writes_state(path.read_text())] == [WRITER]


def test_its_statements_are_run_by_transitions_only():
    _, *named = re.split(r"^-- name: (\w+)$", (FOLDER / WRITER).read_text(), flags=re.MULTILINE)
    names = set(named[::2])
    running = {
        str(path)
        for path, node in sources.nodes()
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "sql.run" and node.args
        and isinstance(node.args[0], ast.Constant) and node.args[0].value in names
    }  # fmt: skip
    assert running == {"jobs/engine/transitions.py"}


def test_no_sql_in_python_writes_the_state():
    writing = [
        path
        for path, node in sources.nodes()
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and writes_state(node.value)
    ]
    assert writing == []


def test_no_python_assigns_an_executions_state():
    assigned = [
        f"{path}: {ast.unparse(target)}"
        for path, node in sources.nodes()
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if re.search(r"\bexecution\.\w+$", ast.unparse(target), re.I)
    ]
    assert assigned == []


def test_no_python_writes_executions_through_the_orm():
    writing = [
        f"{path}: {text}"
        for path, node in sources.nodes()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITES
        if re.search(r"\b[Ee]xecutions?\b(?!_)", text := ast.unparse(node.func.value)) and "services" not in text
    ]  # fmt: skip
    assert writing == []
