"""From costs to what people read and machines compare."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.benchmarks.figures import Machine
from tests.benchmarks.report import FOLDER
from tests.scale.cost import Cost

COLUMNS = ("statement", "stored", "median_ms", "p95_ms", "buffers", "time_ratio", "buffer_ratio")


def text(steps: Sequence[str], costs: Sequence[Sequence[Cost]]) -> str:
    """A line for each statement and step, ratios to the first step beside it."""
    lines = [f"{'':<44} {'stored':<18} {'median':>9} {'p95':>9} {'buffers':>9}   time   buffers"]
    for row in _rows(steps, costs):
        ratios = f"{row['time_ratio']:>6} × {row['buffer_ratio']:>6} ×"
        lines.append(f"{row['statement']:<44} {row['stored']:<18} {row['median_ms']:>9} {row['p95_ms']:>9} {row['buffers']:>9} {ratios}")  # fmt: skip
    return "\n".join(lines)


def table(steps: Sequence[str], costs: Sequence[Sequence[Cost]]) -> str:
    """The same as CSV."""
    output = io.StringIO()
    writer = csv.DictWriter(output, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_rows(steps, costs))
    return output.getvalue()


def write(machine: Machine, steps: Sequence[str], costs: Sequence[Sequence[Cost]], commit: Path | None) -> None:
    """Below bench-results/, and to ``commit``; the first line names the machine and its load."""
    FOLDER.mkdir(exist_ok=True)
    content = f"# {machine}; {os.getloadavg()[0]:.1f} at the end\n{table(steps, costs)}"
    stem = machine.at.replace(":", "").partition("+")[0]
    for path in [FOLDER / f"scale-{stem}.csv", *([commit] if commit else [])]:
        path.write_text(content)


def _rows(steps: Sequence[str], costs: Sequence[Sequence[Cost]]) -> Iterator[dict[str, object]]:
    for of_statement in zip(*costs, strict=True):
        first = of_statement[0]
        for step, cost in zip(steps, of_statement, strict=True):
            yield {
                "statement": cost.name,
                "stored": step,
                "median_ms": round(cost.times.median, 3),
                "p95_ms": round(cost.times.percentile(0.95), 3),
                "buffers": round(cost.buffers),
                "time_ratio": _ratio(cost.times.median, first.times.median),
                "buffer_ratio": _ratio(cost.buffers, first.buffers),
            }


def _ratio(value: float, base: float) -> float:
    return round(value / base, 2) if base else 1.0
