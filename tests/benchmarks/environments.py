"""Peers' own Python environments, made once below bench-results/ from their requirements files.

They need the package index the first time. A peer that cannot be installed is left out, with the reason
printed: its figures are missing then, not wrong.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from scheduler_project.env import ROOT

FOLDER = ROOT / "bench-results" / "environments"
_PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement")


def python(requirements: Path, *, at_least: tuple[int, int] = (3, 11)) -> Path | None:
    """The interpreter of an environment that has them, or nothing."""
    folder = (
        FOLDER
        / f"{requirements.parent.name}-{requirements.stem}-{hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]}"
    )
    made = folder / "bin" / "python"
    if (folder / "complete").exists():
        return made
    shutil.rmtree(folder, ignore_errors=True)
    interpreter = next(_interpreters(at_least), None)
    if interpreter is None:
        return _none(requirements, f"no Python from {at_least[0]}.{at_least[1]} on was found")
    for command in ([interpreter, "-m", "venv", str(folder)], [str(made), *_PIP, str(requirements)]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return _none(requirements, done.stderr.strip().rpartition("\n")[2])
    (folder / "complete").touch()
    return made


def _interpreters(at_least: tuple[int, int]) -> Iterator[str]:
    """Our own if it is new enough, then what the PATH has, then what pyenv keeps beside it."""
    pyenv = shutil.which("pyenv")
    root = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=False).stdout.strip() if pyenv else ""
    kept = sorted(Path(root, "versions").glob("3.*/bin/python")) if root else []
    for candidate in (sys.executable, *(f"python3.{minor}" for minor in range(11, 16)), *map(str, kept)):
        asked = [candidate, "-c", f"import sys; sys.exit(sys.version_info < {at_least})"]
        if shutil.which(candidate) and subprocess.run(asked, capture_output=True, check=False).returncode == 0:
            yield candidate


def _none(requirements: Path, reason: str) -> None:
    print(f"left out, {requirements.relative_to(ROOT)}: {reason}", flush=True)
