from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tasks import sandbox
from tasks.sandbox import bubble, probe, process


@pytest.fixture(autouse=True)
def _unprobed() -> Iterator[None]:
    probe.wrapper.cache_clear()
    yield
    probe.wrapper.cache_clear()


@pytest.mark.needs("bwrap")
def test_bubblewrap_that_works_is_used_hardened() -> None:
    wrapper = probe.wrapper()
    assert wrapper is not None
    assert wrapper.hardening in (bubble.HARDENING, ())
    assert sandbox.level() == "namespaces"


def test_machine_without_bubblewrap_is_said_to_have_process_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    assert sandbox.level() == "process group"


def test_program_that_is_there_and_does_not_work_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: "/bin/false")
    assert sandbox.level() == "process group"


def test_older_bubblewrap_is_used_without_what_it_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: "/usr/bin/bwrap")
    monkeypatch.setattr(probe, "_works", lambda candidate: candidate.hardening == ())
    assert probe.wrapper() == process.Wrapper("/usr/bin/bwrap", ())


@pytest.mark.needs("bwrap")
def test_machine_is_probed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.level()
    monkeypatch.setattr(probe, "_works", lambda candidate: pytest.fail("probed again"))
    sandbox.level()
