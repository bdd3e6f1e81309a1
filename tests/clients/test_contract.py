"""The Python client says what the API says: its shapes are made of the OpenAPI document, its calls are in it."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from typing import Any

import httpx2
import pytest
from carillon_client import Client, errors

from scheduler_project import client_shapes
from scheduler_project.env import ROOT
from tenants.errors import ServiceError

PACKAGE = ROOT / "clients/python/carillon_client"
#: Of what a call takes beside names of rows.
ARGUMENTS = {
    "jobs": [], "executions": [], "level": None, "max_running": 1, "until": "2027-01-01T00:00:00Z", "revision": 1, "version": 1, "value": "a value",
    "action": "cancel", "filter": {}, "timeout": 0.0,
}  # fmt: skip
#: They are made of others.
MADE_OF_OTHERS = {"jobs.run", "executions.wait"}


def calls() -> dict[str, Any]:
    """Every call of the client, by its name."""
    client = Client("http://carillon", "ck_x")
    parts = {name: part for name, part in vars(client).items() if not name.startswith("_")}
    return {
        f"{name}.{method}": (name, method)
        for name, part in parts.items()
        for method, _ in inspect.getmembers(part, inspect.ismethod)
        if not method.startswith("_")
    }


def asked(name: str, method: str) -> tuple[str, str]:
    """Method and path of the request that a call makes first."""
    seen: list[httpx2.Request] = []

    def note(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(418, json={})

    http = httpx2.Client(transport=httpx2.MockTransport(note))
    call = getattr(getattr(Client("http://carillon", "ck_x", http=http), name), method)
    needed = [each for each in inspect.signature(call).parameters.values() if each.default is each.empty]
    given = {each.name: ARGUMENTS.get(each.name, "ROW") for each in needed if each.kind is not each.VAR_KEYWORD}
    positional = [given.pop(each.name) for each in needed if each.kind is each.POSITIONAL_ONLY]
    with pytest.raises(errors.CarillonError):
        [*call(*positional, **given)]
    return seen[0].method.lower(), seen[0].url.path.replace("ROW", "{id}")


@pytest.fixture(scope="module")
def document() -> Any:
    return client_shapes.document()


@pytest.mark.parametrize("call", sorted(calls()))
def test_each_call_is_one_of_the_apis(document, call):
    if call in MADE_OF_OTHERS:
        return
    method, path = asked(*calls()[call])
    assert method in document["paths"].get(path, {}), f"{method} {path}"


def test_every_code_of_the_api_has_its_exception():
    def below(kind: type[ServiceError]) -> set[type[ServiceError]]:
        return {kind}.union(*(below(each) for each in kind.__subclasses__()))

    for kind in below(ServiceError):
        body = {"error": {"code": kind.code, "message": ""}}
        assert type(errors.made(kind.status, body)) is not errors.CarillonError


def test_shapes_are_those_of_the_document():
    path, text = client_shapes.page()
    assert path.read_text() == text, "run `make docs`"


def test_it_imports_itself_httpx2_and_what_python_has():
    allowed = {"carillon_client", "httpx2"} | sys.stdlib_module_names
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").partition(".")[0] in allowed, path
            elif isinstance(node, ast.Import):
                assert {alias.name.partition(".")[0] for alias in node.names} <= allowed, path


def test_its_files_stay_small():
    lengths = {path.name: len(path.read_text().splitlines()) for path in PACKAGE.glob("*.py")}
    del lengths["shapes.py"]
    assert max(lengths.values()) < 300


def test_the_typed_package_says_so():
    assert (PACKAGE / "py.typed").exists()
    assert re.search(r'carillon_client = \["py.typed"\]', (PACKAGE.parent / "pyproject.toml").read_text())
