"""Each command of the quickstart, as it stands there, against real processes."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
from pathlib import Path

import pytest

from scheduler_project.env import ROOT
from tests.support import quickstart
from tests.support.stack import Stack

PAGE = ROOT / "docs" / "quickstart-api.md"
MARK = "=== the next block ==="


def test_every_command_of_the_page_does_what_is_shown(
    carillon: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".carillon").mkdir()
    (tmp_path / ".carillon" / "credentials.json").write_text(json.dumps({"api_key": carillon.key}))
    _by_hand(carillon, tmp_path)
    _in_python(carillon, tmp_path, monkeypatch)


def _by_hand(carillon: Stack, folder: Path) -> None:
    blocks = quickstart.steps(PAGE, "bash")
    assert len(blocks) > 10
    text = f"\necho; echo '{MARK}'\n".join(block.code for block in blocks)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text], cwd=folder, env={**os.environ, "PORT": carillon.url.rpartition(":")[2]},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    outputs = done.stdout.split(f"\n{MARK}\n")
    for block, output in zip(blocks, outputs, strict=True):
        quickstart.check(block, output)


def _in_python(carillon: Stack, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = quickstart.steps(PAGE, "python")
    assert len(blocks) > 3
    names: dict[str, object] = {}
    monkeypatch.setenv("PORT", carillon.url.rpartition(":")[2])
    with contextlib.chdir(folder):
        for block in blocks:
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                exec(compile(block.code, str(PAGE), "exec"), names)
            quickstart.check(block, output.getvalue())
