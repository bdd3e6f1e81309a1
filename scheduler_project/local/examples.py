"""A callable for the demo job of `make up`, and a pattern to copy; see docs/python-jobs.md."""

from __future__ import annotations

from jobs.callables import current, job_handler
from scheduler_project.env import ROOT


@job_handler(name="demo.count_lines")
def count_lines(package: str) -> dict[str, int | str]:
    """Counts the lines of Python in one package of this installation."""
    files = sorted((ROOT / package).rglob("*.py"))
    lines = 0
    for done, file in enumerate(files, 1):
        lines += len(file.read_text(encoding="utf-8").splitlines())
        if done % 25 == 0:
            current.progress(done / len(files), f"{lines} lines so far")
    return {"package": package, "files": len(files), "lines": lines}
