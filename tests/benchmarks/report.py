"""From figures to what people read and machines compare."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from scheduler_project.env import ROOT
from tests.benchmarks import throughput
from tests.benchmarks.figures import CARILLON, Figure, Machine

FOLDER = ROOT / "bench-results"
COLUMNS = ("measure", "subject", "unit", "count", "median", "low", "high", "p95", "p99")


def text(figures: Sequence[Figure]) -> str:
    """Ratios first, then every figure."""
    lines = [*_ratios(figures), ""]
    for row in _rows(figures):
        spread = f"{row['low']:>10} … {row['high']:<10}"
        name = f"{row['measure']}: {row['subject']}"
        lines.append(f"{name:<86} {row['median']:>10} {row['unit']:<4} {spread} p99 {row['p99']:<9} n={row['count']}")
    return "\n".join(lines)


def table(figures: Sequence[Figure]) -> str:
    """Every figure as CSV."""
    output = io.StringIO()
    writer = csv.DictWriter(output, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_rows(figures))
    return output.getvalue()


def write(machine: Machine, figures: Sequence[Figure], commit: Path | None) -> None:
    """Everything below bench-results/; the table also to ``commit``, with the machine in its first line."""
    FOLDER.mkdir(exist_ok=True)
    stem = FOLDER / machine.at.replace(":", "").partition("+")[0]
    everything = {"machine": asdict(machine), "load_after": os.getloadavg()[0], "figures": [asdict(f) for f in figures]}
    stem.with_suffix(".json").write_text(json.dumps(everything, indent=1))
    stem.with_suffix(".csv").write_text(table(figures))
    if commit is not None:
        commit.write_text(f"# {machine}\n{table(figures)}")


def _ratios(figures: Sequence[Figure]) -> list[str]:
    rates, costs = _medians(figures, throughput.RATE), _medians(figures, throughput.COST)
    lines = [
        f"{CARILLON} does {rates[CARILLON] / rates[subject]:.2f} times as many executions a second, with"
        f" {costs[CARILLON] / costs[subject]:.2f} times the processor time of each, as: {subject}"
        for subject in rates
        if subject != CARILLON
    ]
    memory = _medians(figures, throughput.MEMORY).values()
    if memory:
        lines.append(f"{CARILLON}'s processes take {sum(memory):.0f} MiB, without Flower and the servers")
    return lines


def _medians(figures: Sequence[Figure], measure: str) -> dict[str, float]:
    return {figure.subject: figure.median for figure in figures if figure.measure == measure}


def _rows(figures: Sequence[Figure]) -> list[dict[str, object]]:
    return [
        {
            "measure": figure.measure,
            "subject": figure.subject,
            "unit": figure.unit,
            "count": len(figure.values),
            "median": _short(figure.median),
            "low": _short(min(figure.values)),
            "high": _short(max(figure.values)),
            "p95": _short(figure.percentile(0.95)),
            "p99": _short(figure.percentile(0.99)),
        }
        for figure in figures
    ]


def _short(value: float) -> float:
    """Three digits are more than the spread allows to be meant."""
    return float(f"{value:.3g}") if value < 1000 else round(value)
