from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from scheduler_project.local import leash
from tests.scheduler_project.local.terminal import Terminal, eventually, is_running

HOLD = """
import signal
from scheduler_project.local import leash, throwaway
with throwaway.{kind}() as server:
    print("pids", *leash.inhabitants(server.data), "in", server.data, flush=True)
    signal.pause()
"""


@pytest.mark.parametrize("kind", ["postgres", "valkey"])
def test_killed_holder_leaves_neither_server_nor_folder(kind: str, run: Callable[..., Terminal]) -> None:
    holder = run("-c", HOLD.format(kind=kind))
    holder.shows(" in ")
    pids, _, data = holder.text.removeprefix("pids").partition(" in ")
    assert [pid for pid in map(int, pids.split()) if is_running(pid)]
    holder.send(signal.SIGKILL)
    eventually(lambda: not any(map(is_running, map(int, pids.split()))), "the servers' end")
    eventually(lambda: not Path(data.strip()).parent.exists(), "the folder's end")


def test_process_deaf_to_the_request_is_killed(
    run: Callable[..., Terminal], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = "import os, signal; signal.signal(signal.SIGINT, signal.SIG_IGN); os.chdir({!r}); print('here', flush=True); signal.pause()"
    process = run("-c", deaf.format(str(tmp_path)))
    process.shows("here")
    monkeypatch.setattr(leash, "PATIENCE_SECONDS", 0.1)
    leash.clear(tmp_path)
    assert process.ends() == -signal.SIGKILL


def test_only_processes_in_the_folder_are_its_inhabitants(run: Callable[..., Terminal], tmp_path: Path) -> None:
    inside, beside = tmp_path / "data", tmp_path / "data-of-another"
    terminals = []
    for folder in (inside, beside):
        folder.mkdir()
        code = f"import os, signal; os.chdir({str(folder)!r}); print('here', flush=True); signal.pause()"
        terminals.append(run("-c", code))
        terminals[-1].shows("here")
    assert leash.inhabitants(inside) == [terminals[0].process.pid]
