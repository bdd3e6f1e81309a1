"""From figures to what people read and machines compare."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from scheduler_project.env import ROOT
from tests.benchmarks import chart
from tests.benchmarks.figures import CARILLON, Figure, Machine
from tests.benchmarks.measures import COST, DELAY, MEMORY, NEIGHBOUR, RATE

FOLDER = ROOT / "bench-results"
COMMITTED = ROOT / "docs" / "benchmarks.csv"
COLUMNS = ("measure", "subject", "unit", "count", "median", "low", "high", "p95", "p99")
#: Runs of the same code on the same idle machine differ by about this much.
NOISE = 0.1


def text(figures: Sequence[Figure]) -> str:
    """Ratios first, then what changed since the committed run, then every figure."""
    lines = [*_ratios(figures), "", *_changes(_rows(figures), _committed()), ""]
    for row in _rows(figures):
        spread = f"{row['low']:>10} … {row['high']:<10}"
        name = f"{row['measure']}: {row['subject']}"
        lines.append(f"{name:<86} {row['median']:>10} {row['unit']:<4} {spread} p95 {row['p95']:<9} n={row['count']}")
    return "\n".join(lines)


def table(figures: Sequence[Figure]) -> str:
    """Every figure as CSV."""
    output = io.StringIO()
    writer = csv.DictWriter(output, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_rows(figures))
    return output.getvalue()


def write(machine: Machine, figures: Sequence[Figure], commit: Path | None) -> None:
    """Everything below bench-results/; table and chart also to ``commit``, with the machine in the table's first line."""
    FOLDER.mkdir(exist_ok=True)
    stem = FOLDER / machine.at.replace(":", "").partition("+")[0]
    everything = {"machine": asdict(machine), "load_after": os.getloadavg()[0], "figures": [asdict(f) for f in figures]}
    stem.with_suffix(".json").write_text(json.dumps(everything, indent=1))
    stem.with_suffix(".csv").write_text(table(figures))
    stem.with_suffix(".svg").write_text(chart.picture(figures))
    if commit is not None:
        commit.write_text(f"# {machine}\n{table(figures)}")
        commit.with_suffix(".svg").write_text(chart.picture(figures))


def _ratios(figures: Sequence[Figure]) -> list[str]:
    rates, costs = _medians(figures, RATE), _medians(figures, COST)
    lines = [
        f"{ours} does {rates[ours] / rates[peer]:.2f} times as many executions a second, with"
        f" {costs[ours] / costs[peer]:.2f} times the processor time of each, as: {peer}"
        for ours in rates
        if ours.startswith(CARILLON)
        for peer in rates
        if not peer.startswith(CARILLON)
    ]
    delays = _medians(figures, DELAY)
    lines += [
        f"from request to start Carillon takes {delays[ours] / delays[peer]:.1f} times as long as: {peer}"
        for ours in delays
        if ours == f"{CARILLON}: claimed"
        for peer in delays
        if not peer.startswith(CARILLON)
    ]
    waits = {figure.subject: figure.percentile(0.95) for figure in figures if figure.measure == NEIGHBOUR}
    if len(waits) == 2:
        alone, beside = waits.values()
        lines.append(f"a small tenant's p95 wait beside a flood is {beside / alone:.2f} times its wait alone")
    lines += _growth(figures)
    if memory := _medians(figures, MEMORY).get(CARILLON):
        lines.append(f"{CARILLON}'s processes take {memory:.0f} MiB, Flower included, the servers not")
    return lines


def _growth(figures: Sequence[Figure]) -> Iterator[str]:
    """What is measured with few stored and with many, as a ratio."""
    by_measure: dict[str, list[Figure]] = {}
    for figure in figures:
        if " stored" in figure.subject and figure.unit == "ms" and "with" in figure.subject:
            by_measure.setdefault(figure.measure, []).append(figure)
    for measure, found in by_measure.items():
        if len(found) == 2 and found[0].median:
            many = found[1].subject.rpartition("with ")[2]
            yield f"{measure}: {found[1].median / found[0].median:.2f} times as much with {many}"


def _changes(now: Sequence[Mapping[str, object]], before: Mapping[tuple[str, str], float]) -> Iterator[str]:
    """What differs from the committed run by more than runs of the same code do. Another machine differs in all."""
    yield f"Differences of more than {NOISE:.0%} from {COMMITTED.relative_to(ROOT)}:"
    for row in now:
        former = before.get((str(row["measure"]), str(row["subject"])))
        median = float(str(row["median"]))
        if former and abs(median / former - 1) > NOISE:
            yield f"  {row['measure']}: {row['subject']}: {former:g} → {median:g} {row['unit']} ({median / former:.2f})"


def _committed() -> dict[tuple[str, str], float]:
    if not COMMITTED.exists():
        return {}
    lines = [line for line in COMMITTED.read_text().splitlines() if not line.startswith("#")]
    return {(row["measure"], row["subject"]): float(row["median"]) for row in csv.DictReader(lines)}


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
