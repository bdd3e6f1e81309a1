"""What a worker finds out before it forks."""

from __future__ import annotations

import pytest

from tasks import worker_process
from tasks.sandbox import probe
from tasks.sandbox.probe import Standing


@pytest.mark.parametrize(("problem", "refuses"), [("", {}), ("no namespaces", {"script": "no namespaces"})])
def test_a_machine_that_cannot_do_the_declared_sandbox_refuses_scripts(
    monkeypatch: pytest.MonkeyPatch, problem: str, refuses: dict[str, str]
) -> None:
    monkeypatch.setattr(worker_process.lease, "refuses", {})
    monkeypatch.setattr(probe, "standing", lambda: Standing("full", problem=problem))
    worker_process._try_the_sandbox()
    assert worker_process.lease.refuses == refuses
