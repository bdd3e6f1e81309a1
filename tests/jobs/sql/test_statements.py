"""The named statements: each is used, is known where it is used, runs, and speaks of states that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import psycopg
import pytest
from django.db import DataError, ProgrammingError, transaction

from jobs import sql
from jobs.models import AttemptState, DeadLetterState, JobState, ScheduleState
from jobs.rules.states import State
from jobs.rules.workflow_runs import RunState
from tenants.models import TenantState
from tests.jobs.sql import states_of_tables
from tests.support import sources
from tests.support.statements import ARGUMENTS, OF_THE_APP

#: Aliases whose state is not an execution's.
ALIASES = {
    "t.": set(TenantState.values),
    "j.": set(JobState.values),
    "job.": set(JobState.values),
    "k.": set(JobState.values),
    "b.": set(JobState.values),
    "s.": set(ScheduleState.values),
    "d.": set(DeadLetterState.values),
    "w.": set(RunState),
    "x.": {"active", "inactive"},
    "schedule.": set(ScheduleState.values),
}
FILES = sorted(Path(sql.__file__).parent.glob("*.sql"))


def run_by_name() -> set[str]:
    """First arguments of sql.run(…)."""
    return {
        node.args[0].value
        for _, node in sources.nodes()
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "sql.run" and isinstance(node.args[0], ast.Constant)
    }


def test_every_statement_is_used():
    said = {node.value for _, node in sources.nodes() if isinstance(node, ast.Constant)}
    assert set(sql.statements()) <= said


def test_every_statement_that_is_run_exists():
    assert run_by_name() <= set(sql.statements())
    assert len(run_by_name()) > 20


def test_arguments_are_known_for_every_statement():
    assert set(ARGUMENTS) == set(sql.statements())


@pytest.mark.usefixtures("as_engine", "empty_database")
@pytest.mark.parametrize("name", sorted(ARGUMENTS.keys() - OF_THE_APP))
def test_statement_runs_as_the_engine(name):
    with transaction.atomic():
        sql.run(name, **ARGUMENTS[name])
        transaction.set_rollback(True)


@pytest.mark.parametrize("name", sorted(OF_THE_APP))
def test_statement_of_services_runs_as_the_app_and_as_nobody_else(name, request):
    with transaction.atomic():
        assert sql.run(name, **ARGUMENTS[name]) == []
    request.getfixturevalue("as_engine")
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        sql.run(name, **ARGUMENTS[name])


@pytest.mark.usefixtures("as_engine")
def test_rows_come_back_by_name_and_json_as_objects():
    assert sql.run("clock")[0].now.tzinfo is not None
    with transaction.atomic():
        assert sql.run("advance_schedules", rows=sql.json([])) == []


@pytest.mark.usefixtures("as_engine")
def test_database_errors_are_djangos():
    with pytest.raises(DataError) as caught, transaction.atomic():
        sql.run("make_partition", parent="event", ahead="soon")
    assert isinstance(caught.value.__cause__, psycopg.DataError)


def test_none_is_sqls_null_and_not_jsons():
    assert sql.json(None) is None
    assert sql.json([]) is not None


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_states_in_the_files_are_known(path):
    text = "\n".join(line for line in path.read_text().splitlines() if not line.lstrip().startswith("--"))
    compared = re.finditer(r"\b(\w+\.)?state (?:=|<>|IN|NOT IN) (\('[^)]*\)|'\w+')", text)
    for table, words, before in ((found[1] or "", found[2], text[: found.start()]) for found in compared):
        known = states_of_tables.known(before, table) or ALIASES.get(table, set(State))
        assert set(re.findall(r"'(\w+)'", words)) <= known, (table, words)
    # Whatever else is quoted beside a state: targets of CASE and VALUES.
    assert set(re.findall(r"THEN '([a-z]+)' ELSE %\(target\)s", text)) <= set(State)
    assert set(re.findall(r"epoch, '([a-z]+)', worker_id", text)) <= set(AttemptState.values)


def test_files_hold_nothing_but_named_statements_with_a_reason():
    for path in FILES:
        first, *statements = re.split(r"^-- name: \w+$", path.read_text(), flags=re.MULTILINE)
        assert re.fullmatch(r"(--.*\n|\n)+", first), f"{path.name} begins with a comment that says what it is for"
        assert statements
