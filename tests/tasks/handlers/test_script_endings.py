"""How exit codes and limits become failures, and what a tenant or a machine may not."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings

from jobs.handlers import HandlerError, PermanentFailure
from jobs.rules.codes import Failure
from tasks.handlers.script import Script, ScriptParams
from tasks.sandbox import probe
from tests.support import contexts
from tests.support.contexts import RecordingContext

NOTHING: Any = SimpleNamespace(allowed_hosts=[], allowed_callables=[], allow_network=False, allow_requirements=False)
ALL: Any = SimpleNamespace(allowed_hosts=[], allowed_callables=[], allow_network=True, allow_requirements=True)


@pytest.fixture
def context() -> Iterator[RecordingContext]:
    with contexts.recording() as recording:
        yield recording


def failure(context: RecordingContext, script: str, **params: Any) -> HandlerError:
    with pytest.raises(HandlerError) as caught:
        Script().run(ScriptParams(script=script, **params), context)
    return caught.value


def test_other_exit_codes_may_be_a_success(context: RecordingContext) -> None:
    assert Script().run(ScriptParams(script="echo '::result 1'; exit 3", success_codes=[0, 3]), context) == 1
    assert failure(context, "exit 0", success_codes=[3]).tags == {"exit:0"}


@pytest.mark.parametrize(
    ("codes", "is_final"),
    [
        ({}, False),
        ({"fail_codes": [5]}, True),
        ({"fail_codes": [6]}, False),
        ({"retry_codes": [5]}, False),
        ({"retry_codes": [6]}, True),
        ({"retry_codes": [5], "fail_codes": [5]}, True),
    ],
)
def test_exit_codes_decide_whether_another_attempt_is_worth_it(
    context: RecordingContext, codes: dict[str, Any], is_final: bool
) -> None:
    error = failure(context, "exit 5", **codes)
    assert isinstance(error, PermanentFailure) is is_final
    assert (error.tags, error.result) == ({"exit:5"}, {"exit_code": 5})


@pytest.mark.parametrize(
    ("field", "limits", "script"),
    [
        ("memory_mb", {"memory_mb": 64}, "python3 -c 'import time; b = b\"x\" * (200 << 20); time.sleep(60)'"),
        ("memory_mb", {"memory_mb": 512}, "python3 -c 'b = b\"x\" * (8 << 30)'"),
        ("disk_mb", {"disk_mb": 1}, "head -c 9000000 /dev/zero > file"),
        ("output_mb", {"output_mb": 1}, "yes; sleep 60"),
        ("open_files", {"open_files": 16}, "python3 -c 'f = [open(\"/dev/null\") for i in range(99)]'"),
        ("processes", {"processes": 2}, "sleep 60 & sleep 60 & sleep 60 & wait"),
    ],
)
def test_limit_that_was_exceeded_is_named(
    context: RecordingContext, field: str, limits: dict[str, int], script: str
) -> None:
    error = failure(context, script, limits=limits)
    assert error.code == Failure.RESOURCE_LIMIT
    assert f"limit:{field}" in error.tags
    assert field in str(error)


def test_machine_that_cannot_do_the_declared_level_runs_nothing(
    context: RecordingContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "standing", lambda: probe.Standing("full", problem="no namespaces here"))
    error = failure(context, "touch /tmp/ran")
    assert isinstance(error, PermanentFailure)
    assert (error.code, str(error)) == (Failure.CONFIG_INVALID, "no namespaces here")
    assert context.lines == []


@pytest.mark.parametrize(
    "asked", [{"network": True}, {"requirements": ["a"], "interpreter": "python"}, {"limits": {"memory_mb": 10**6}}]
)
def test_what_a_tenant_or_the_installation_does_not_allow_is_refused_by_its_field(asked: dict[str, Any]) -> None:
    params = ScriptParams(script="true", **asked)
    field = next(iter(asked))
    assert list(Script().refusals(params, NOTHING)) == [field]
    assert list(Script().refusals(params, ALL)) == ([field] if field == "limits" else [])


def test_installations_limits_hold_for_who_names_none(
    context: RecordingContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "SCRIPT_LIMITS", settings.SCRIPT_LIMITS | {"disk_mb": 1})
    assert "limit:disk_mb" in failure(context, "head -c 9000000 /dev/zero > file").tags


def test_requirements_need_the_full_level(context: RecordingContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SANDBOX", probe.PROCESS_GROUP)
    error = failure(context, "1", interpreter="python", requirements=["a"])
    assert error.code == Failure.CONFIG_INVALID
    assert "level 'full' only" in str(error)
