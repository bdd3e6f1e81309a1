"""Files that a script is given, and those that are kept of what it leaves."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from jobs.handlers import HandlerError
from jobs.rules.codes import Failure
from jobs.services import payload_checks
from tasks.handlers.script import Script, ScriptParams
from tests.support import contexts
from tests.support.contexts import RecordingContext


@pytest.fixture
def context() -> Iterator[RecordingContext]:
    with contexts.recording() as recording:
        yield recording


def keep(context: RecordingContext, name: str, data: bytes) -> dict[str, Any]:
    """Something that an execution before this one has left; as a file of a payload."""
    with context.artifact(name) as file:
        file.write(data)
    return {"artifact": dict(file.reference), "execution": str(context.execution_id)}


def read(context: RecordingContext, reference: dict[str, Any]) -> bytes:
    with context.open_artifact(reference, context.execution_id) as file:
        return file.read()


def run(context: RecordingContext, script: str, **params: Any) -> Any:
    return Script().run(ScriptParams(script=script, **params), context)


def test_files_lie_in_its_folder_when_it_starts(context: RecordingContext) -> None:
    given = {
        "in/a.txt": "grüß",
        "b.bin": {"base64": base64.b64encode(b"\x00\xff").decode()},
        "rows.csv": keep(context, "rows.csv", b"1;2\n"),
    }
    run(context, "cat in/a.txt; echo; wc -c < b.bin; cat rows.csv; echo x >> in/new && echo written", files=given)
    assert context.messages("stdout") == ["grüß", "2", "1;2", "written"]


def test_python_imports_what_it_is_given(context: RecordingContext) -> None:
    assert run(context, "import shop; print('[%d]' % shop.n)", interpreter="python", files={"shop.py": "n = 7"}) == [7]


def test_program_with_arguments_runs_without_a_shell(context: RecordingContext) -> None:
    params = ScriptParams(argv=["printf", "%s|", "a b", "$HOME", ";ls"])
    Script().run(params, context)
    assert context.messages("stdout") == ["a b|$HOME|;ls|"]


def test_it_starts_where_it_is_told(context: RecordingContext) -> None:
    run(context, "pwd; cat ../a; [ -w . ] && echo writable", working_dir="deep/down", files={"deep/a": "up\n"})
    assert context.messages("stdout") == [f"{context.folder()}/deep/down", "up", "writable"]


def test_files_that_are_larger_than_its_disk_are_refused(context: RecordingContext) -> None:
    big = keep(context, "big", bytes(2 * 1024 * 1024))
    with pytest.raises(HandlerError) as caught:
        run(context, "true", files={"x": big}, limits={"disk_mb": 1})
    assert caught.value.code == Failure.RESOURCE_LIMIT


def test_what_matches_is_kept_beside_the_result(context: RecordingContext) -> None:
    script = "mkdir -p out/deep; echo 1 > a.csv; echo 2 > out/b.csv; echo 3 > out/deep/c.csv; echo 4 > d.txt; echo '::result 5'"
    result = run(context, script, artifacts=["*.csv", "out/**/*.csv"])
    assert result["result"] == 5
    assert {each["path"]: (each["artifact"], each["bytes"], each["content_type"]) for each in result["artifacts"]} == {
        "a.csv": ("a.csv", 2, "text/csv"),
        "out/b.csv": ("out_b.csv", 2, "text/csv"),
        "out/deep/c.csv": ("out_deep_c.csv", 2, "text/csv"),
    }
    assert [read(context, each) for each in result["artifacts"]] == [b"1\n", b"2\n", b"3\n"]


def test_names_that_become_the_same_are_told_apart(context: RecordingContext) -> None:
    found = run(context, "mkdir a; echo 1 > a/b; echo 2 > a_b", artifacts=["a*", "a/*"])["artifacts"]
    assert [(each["artifact"], each["path"]) for each in found] == [("a_b", "a/b"), ("2-a_b", "a_b")]


@pytest.mark.parametrize(("wanted", "names"), [(False, []), (True, ["log.txt"])])
def test_artifacts_of_a_failure_are_kept_if_asked(context: RecordingContext, wanted: bool, names: list[str]) -> None:
    with pytest.raises(HandlerError) as caught:
        run(context, "echo x > log.txt; exit 4", artifacts=["*.txt"], artifacts_on_failure=wanted)
    assert list(context.artifacts) == names
    assert caught.value.result["exit_code"] == 4
    assert ("artifacts" in caught.value.result) is wanted


ESCAPES = {
    "link to a file": "ln -s /etc/passwd got",
    "link to its own": "echo x > own; ln -s own got",
    "hard link": "echo x > own; ln own got",
    "pipe": "mkfifo got",
    "socket": "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"got\")'",
    "folder that is a link": "ln -s /etc got",
}


@pytest.mark.parametrize("escape", ESCAPES)
def test_what_is_no_plain_file_of_its_own_is_not_kept(context: RecordingContext, escape: str) -> None:
    result = run(context, ESCAPES[escape], artifacts=["got", "got/passwd"])
    assert result["artifacts"] == []
    assert context.artifacts == {}
    assert any("got is not kept" in message for message in context.messages())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root could read what is not the script's")
def test_file_of_somebody_else_is_not_kept(context: RecordingContext) -> None:
    planted = context.folder() / "got"
    params = ScriptParams(script="true", artifacts=["got"])

    class Planting(RecordingContext):
        pass

    planted.write_text("root's")
    before = os.chown
    os.chown = lambda path, *rest, **named: None if str(path) == str(planted) else before(path, *rest, **named)  # type: ignore[assignment]
    try:
        assert Script().run(params, context)["artifacts"] == []
    finally:
        os.chown = before


def test_only_so_many_are_kept(context: RecordingContext) -> None:
    result = run(context, "for i in $(seq 120); do : > f$i; done", artifacts=["f*"])
    assert len(result["artifacts"]) == 100
    assert any("the rest is left out" in message for message in context.messages())


def test_folder_that_it_closed_or_nested_deep_is_read_and_removed(context: RecordingContext) -> None:
    script = "mkdir shut; echo x > shut/a.txt; chmod 0 shut shut/a.txt 2>/dev/null; i=0; while [ $i -lt 60 ]; do mkdir d; cd d; i=$((i+1)); done"
    assert [each["path"] for each in run(context, script, artifacts=["**/a.txt"])["artifacts"]] in (["shut/a.txt"], [])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("files", {"../a": "x"}), ("files", {"/etc/a": "x"}), ("files", {"a/../../b": "x"}), ("files", {"": "x"}), ("files", {"a/": "x"}),
        ("files", {"a": {"base64": "%%"}}), ("files", {"a" * 300: "x"}), ("files", {"a": {"path": "/etc/passwd"}}),
        ("working_dir", ".."), ("working_dir", "/"), ("artifacts", ["../*"]), ("artifacts", ["/etc/*"]),
        ("argv", ["true"]), ("requirements", ["requests==2.0"]), ("success_codes", []), ("success_codes", [256]),
        ("limits", {"memory_mb": 0}), ("limits", {"memory": 5}),
    ],
)  # fmt: skip
def test_unusable_value_is_refused_by_its_field(field: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        ScriptParams.model_validate({"script": "true", field: value})
    assert {error["loc"][0] for error in caught.value.errors()} == {field}


def test_neither_script_nor_argv_is_refused() -> None:
    with pytest.raises(ValidationError, match="either script or argv"):
        ScriptParams.model_validate({})


@pytest.mark.parametrize(
    "line",
    ["--index-url=http://evil", "-r other.txt", "-e .", "./here", "file:///etc", "a @ https://evil/a.whl", "git+https://x/y", "a\n-r b", "a==1 --pre", ""],
)  # fmt: skip
def test_requirement_that_is_more_than_a_name_and_versions_is_refused(line: str) -> None:
    with pytest.raises(ValidationError):
        ScriptParams.model_validate({"interpreter": "python", "script": "1", "requirements": [line]})


@pytest.mark.parametrize(
    "line",
    ["requests", "requests==2.32.3", "a[b,c]>=1,<2", "a~=1.0 ; python_version < '3.12'", f"a==1 --hash=sha256:{'0' * 64}"],
)  # fmt: skip
def test_requirement_with_versions_markers_and_hashes_is_taken(line: str) -> None:
    ScriptParams.model_validate({"interpreter": "python", "script": "1", "requirements": [line]})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"artifact": {"artifact": "rows.csv"}, "execution": "{{ upstream.extract.id }}"}, {}),
        ({"artifact": "{{ upstream.extract.result.artifacts[0] }}", "execution": "{{ upstream.extract.id }}"}, {}),
        ({"artifact": "rows.csv", "execution": "{{ upstream.extract.id }}"}, {"artifact": "valid dictionary"}),
        ({"artifact": {"artifact": "rows.csv"}}, {"execution": "required"}),
        ({"base64": "%%"}, {"base64": "no base64"}),
        ({"artefact": "x", "base64": "eA=="}, {"artefact": "unknown field"}),
    ],
)
def test_a_file_of_an_upstream_is_named_by_expressions_and_a_wrong_shape_is_told(content: Any, told: Any) -> None:
    job: Any = SimpleNamespace(tenant=None, tenant_id=None)
    payload = {"script": "true", "files": {"rows.csv": content}}
    found = payload_checks.problems(job, Script(), payload, None, "payload")
    assert found.keys() == {f"payload.files.rows.csv.{field}" for field in told}
    assert all(message in str(found[f"payload.files.rows.csv.{field}"]) for field, message in told.items())


def test_what_matches_nothing_is_told_and_the_scripts_own_text_is_not_kept(context: RecordingContext) -> None:
    result = run(context, "echo 1 > a.csv; mkdir deep; echo 2 > deep/.carillon-script", artifacts=["**", "out/*.csv"])
    assert [each["path"] for each in result["artifacts"]] == ["a.csv", "deep/.carillon-script"]
    assert [message for message in context.messages() if "nothing" in message] == [
        "artifacts: nothing is called out/*.csv"
    ]
