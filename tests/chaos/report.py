"""What a run showed: printed, and written as report.json, report.md and timeline.html."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tests.chaos import figures, picture
from tests.chaos.checker.evidence import Evidence
from tests.chaos.checker.verdict import INVARIANTS, Verdict

#: Of each invariant, as many violations are printed; the rest is in report.json.
SHOWN = 10


def write(folder: Path, seed: int, form: str, evidence: Evidence, verdict: Verdict) -> str:
    """Write all three; returns the text."""
    found = figures.figures(evidence, verdict)
    told = {"seed": seed, "form": form, "load": os.getloadavg(), **found}
    details = [{"code": one.code, "message": one.message, "about": one.about} for one in verdict.violations]
    (folder / "report.json").write_text(json.dumps({**told, "details": details}, indent=2, default=str))
    text = _text(told, verdict)
    (folder / "report.md").write_text(text)
    (folder / "timeline.html").write_text(
        picture.page(evidence, verdict, f"Carillon under faults: seed {seed}, {form} form")
    )
    return text


def _text(told: dict[str, Any], verdict: Verdict) -> str:
    lines = [f"# Seed {told['seed']}, {told['form']} form", "", f"Load average at the end: {told['load'][0]:.1f}.", ""]
    plain = {
        name: value
        for name, value in told.items()
        if not isinstance(value, dict) and name not in ("seed", "form", "load")
    }
    lines += _table(("figure", "value"), list(plain.items()))
    for name in ("states", "attempts", "operations"):
        lines.append(f"{name}: " + ", ".join(f"{value} {key}" for key, value in sorted(told[name].items())))
    lines += ["", "Seconds from a slot to its start, by phase:", ""]
    columns = ("slots", "p50", "p95", "p99", "p99.9", "max")
    lines += _table(
        ("phase", *columns), [(phase, *(row[column] for column in columns)) for phase, row in told["lateness"].items()]
    )
    columns = ("times", "slots", "latest start", "recovered after", "detected after")
    lines += _table(
        ("fault", *columns), [(kind, *(row[column] for column in columns)) for kind, row in told["faults"].items()]
    )
    lines += _table(
        ("invariant", "violations", ""), [(code, told["violations"][code], INVARIANTS[code]) for code in INVARIANTS]
    )
    for code in INVARIANTS:
        lines += [f"- {one.code} {one.message} ({one.about})" for one in verdict.of(code)[:SHOWN]]
    return "\n".join(lines) + "\n"


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> list[str]:
    cells = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:], ""]
