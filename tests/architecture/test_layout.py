"""Where things may lie, and how large they may grow."""

from __future__ import annotations

import ast

from django.apps import apps

from tests.support import sources
from tests.support.sources import PACKAGES, ROOT

MOST_LINES = 300
LONGEST_FUNCTION = 50
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers", "base_utils"}


def test_files_stay_small():
    lengths = {path: len((ROOT / path).read_text().splitlines()) for path in sources.parsed()}
    assert {path: lines for path, lines in lengths.items() if lines > MOST_LINES} == {}


def test_files_of_tests_stay_small():
    paths = list((ROOT / "tests").rglob("*.py"))
    lengths = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in paths}
    assert lengths
    assert {path: lines for path, lines in lengths.items() if lines > MOST_LINES} == {}


def test_functions_stay_small():
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    lengths = {
        f"{path}:{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path, node in sources.nodes()
        if isinstance(node, functions)
    }
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}


def test_modules_are_named_for_what_they_hold():
    named = {part for path in sources.parsed() for part in path.with_suffix("").parts}
    assert named & VAGUE == set()


def test_every_module_says_what_it_is_for():
    silent = [path for path, module in sources.parsed().items() if module.body and not ast.get_docstring(module)]
    assert silent == []


def test_no_django_app_has_a_tasks_module_that_celery_would_import():
    ours = [config for config in apps.get_app_configs() if config.name.partition(".")[0] in PACKAGES]
    assert ours
    assert [config.name for config in ours if (ROOT / config.name / "tasks.py").exists()] == []


def test_the_domain_knows_celery_in_one_place_only():
    knowing = {
        str(path)
        for path, module in sources.parsed().items()
        if path.parts[0] in ("jobs", "tenants")
        and any(name.partition(".")[0] in ("celery", "kombu") for name in sources.imported(module))
    }
    assert knowing == {"jobs/engine/dispatch.py"}


def test_settings_alone_import_the_environment():
    importing = {
        str(path)
        for path, module in sources.parsed().items()
        if "scheduler_project.env.env" in sources.imported(module)
    }
    # Beat has settings of its own, since it runs without Django; both take the broker's from one module.
    settings = {f"scheduler_project/{name}.py" for name in ("settings", "broker", "ringing", "reference")}
    assert importing <= settings | {path for path in importing if path.startswith("scheduler_project/local/")}


def test_what_runs_in_engine_and_workers_asks_for_no_page():
    """Those processes have none of the apps that the routes are made of."""
    reached = ("tasks", "jobs/engine", "jobs/services")
    asking = {
        str(path)
        for path, module in sources.parsed().items()
        if str(path).startswith(reached)
        and any(name.startswith(("django.urls", "django.shortcuts")) for name in sources.imported(module))
    }
    assert asking == set()
