"""The run as a picture: one lane for each schedule, its slots above, its runs as bars below, faults as bands.

A page of its own with an SVG in it: no script, nothing loaded.
"""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Iterator, Sequence

from tests.chaos.checker.evidence import Evidence, Fault, Run
from tests.chaos.checker.slots import Judged
from tests.chaos.checker.verdict import Verdict

LANE = 22
LEFT = 190
HEAD_LINE = 14
SECONDS_EACH = 10

STYLE = """
:root { color-scheme: light; --ink: #1c2430; --faint: #d7dce3; }
body { font: 13px system-ui, sans-serif; color: var(--ink); background: #fff; margin: 24px; }
figure { margin: 0; overflow-x: auto; border: 1px solid var(--faint); }
text { font: 11px system-ui, sans-serif; fill: var(--ink); }
.fault { fill: #f4a259; fill-opacity: .22; } .phase { stroke: #8a94a3; stroke-dasharray: 3 3; }
.lane { stroke: var(--faint); } .ran { fill: #2f9e58; } .lost { fill: #d02d2d; } .left { fill: #9aa4b2; } .optional { fill: #cfd6df; }
.done { fill: #2f6fd0; } .cut { fill: #e07a1f; } .open { fill: #7b3fc4; }
ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: 6px 18px; } svg.key { vertical-align: -2px; }
"""
KEYS = (
    ("ran", "slot that ran"), ("left", "slot left out, with a reason"), ("lost", "slot lost, late or doubled"),
    ("optional", "slot that is not judged"), ("done", "run that came to its end"), ("cut", "run that was cut off"), ("fault", "fault"),
)  # fmt: skip


def page(evidence: Evidence, verdict: Verdict, title: str) -> str:
    """The whole page."""
    keys = "".join(
        f'<li><svg class="key" width="12" height="12"><rect class="{kind}" width="12" height="12"/></svg> {text}</li>'
        for kind, text in KEYS
    )
    summary = f"{verdict.slots} slots judged, {len(verdict.violations)} violations, {len(evidence.faults)} faults, {len(evidence.runs)} runs witnessed."
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title><style>{STYLE}</style>'
        f"<h1>{html.escape(title)}</h1><p>{summary}</p><ul>{keys}</ul>"
        f'<figure role="img" aria-label="Timeline of slots, runs and faults">{"".join(_svg(evidence, verdict))}</figure></html>'
    )


class _Scale:
    """Seconds to pixels: about six pixels a second, fewer if the run is long."""

    def __init__(self, began: float, ended: float) -> None:
        self.began, self.ended = began, ended
        self.each = min(8.0, max(2.0, 6000 / max(ended - began, 1.0)))

    def x(self, at: float) -> float:
        return round(LEFT + (min(max(at, self.began), self.ended) - self.began) * self.each, 1)

    @property
    def width(self) -> float:
        return self.x(self.ended) + 40


def _svg(evidence: Evidence, verdict: Verdict) -> Iterator[str]:
    scale = _Scale(
        min((began for began, _ in evidence.phases.values()), default=evidence.read_at - 60), evidence.read_at
    )
    schedules = [schedule for schedule in verdict.schedules if schedule.rows]
    rows = _levels(evidence.faults, scale)
    head = 34 + HEAD_LINE * (max(rows, default=0) + 1)
    height = head + LANE * len(schedules) + 24
    yield f'<svg xmlns="http://www.w3.org/2000/svg" width="{scale.width:.0f}" height="{height}">'
    yield from _bands(evidence, scale, rows, height)
    runs = defaultdict(list)
    for run in evidence.runs:
        runs[run.job].append(run)
    guilty = {violation.about for violation in verdict.violations} | {
        violation.message for violation in verdict.violations
    }
    for number, schedule in enumerate(schedules):
        top = head + LANE * number
        yield f'<line class="lane" x1="0" x2="{scale.width:.0f}" y1="{top + LANE}" y2="{top + LANE}"/>'
        yield f'<text x="4" y="{top + 14}">{html.escape(schedule.job.name)} ({schedule.job.type}, {schedule.job.overlap})</text>'
        yield from _slots(schedule, guilty, scale, top)
        yield from _runs(runs[schedule.job.name], scale, top)
    yield from _axis(scale, height)
    yield "</svg>"


def _bands(evidence: Evidence, scale: _Scale, rows: Sequence[int], height: float) -> Iterator[str]:
    taken = 0.0
    for name, (began, _) in evidence.phases.items():
        x = scale.x(began)
        yield f'<line class="phase" x1="{x}" x2="{x}" y1="0" y2="{height}"/>'
        # Beside the former one's name, if that one was short.
        yield f'<text x="{max(x + 3, taken)}" y="12" font-weight="600">{html.escape(name)}</text>'
        taken = max(x + 3, taken) + 8.0 * len(name)
    for fault, row in zip(evidence.faults, rows, strict=True):
        x = scale.x(fault.began)
        yield (
            f'<rect class="fault" x="{x}" y="18" width="{max(scale.x(fault.ended) - x, 2):.1f}" height="{height - 42}">'
            f"<title>{html.escape(f'{fault.kind}: {fault.detail}, {fault.ended - fault.began:.1f} s')}</title></rect>"
        )
        yield f'<text x="{x + 2}" y="{30 + HEAD_LINE * row}">{html.escape(fault.kind)}</text>'


def _levels(faults: Sequence[Fault], scale: _Scale) -> list[int]:
    """In which line each fault's name stands, so that names do not run into each other."""
    ends: list[float] = []
    levels = []
    for fault in faults:
        x = scale.x(fault.began)
        level = next((number for number, end in enumerate(ends) if end < x), len(ends))
        ends[level : level + 1] = [x + 6.2 * len(fault.kind) + 10]
        levels.append(level)
    return levels


def _slots(schedule: Judged, guilty: set[str], scale: _Scale, top: float) -> Iterator[str]:
    count = schedule.coverage()
    rows = {round(row.slot): row for row in schedule.rows if row.slot is not None and row.folded_until is None}
    for slot in sorted(schedule.targets.required | rows.keys()):
        row = rows.get(slot)
        if (slot in schedule.targets.required and count[slot] != 1) or (row is not None and row.id in guilty):
            kind = "lost"
        elif row is None or row.state in ("skipped", "cancelled"):
            kind = "left"
        else:
            kind = "ran" if slot in schedule.targets.required else "optional"
        told = f"{schedule.job.name} slot {slot}: " + (f"{row.state} {row.reason}" if row else f"{count[slot]} rows")
        yield f'<rect class="{kind}" x="{scale.x(slot)}" y="{top + 2}" width="{max(2.0, scale.each * 0.6):.1f}" height="8"><title>{html.escape(told)}</title></rect>'


def _runs(runs: Sequence[Run], scale: _Scale, top: float) -> Iterator[str]:
    for run in runs:
        x = scale.x(run.began)
        told = f"attempt {run.attempt}, {run.ended - run.began:.2f} s, {run.ending}"
        yield f'<rect class="{run.ending}" x="{x}" y="{top + 12}" width="{max(scale.x(run.ended) - x, 1.5):.1f}" height="7"><title>{told}</title></rect>'


def _axis(scale: _Scale, height: float) -> Iterator[str]:
    seconds = 0
    while scale.began + seconds <= scale.ended:
        yield f'<text x="{scale.x(scale.began + seconds)}" y="{height - 6}">{seconds} s</text>'
        seconds += SECONDS_EACH if scale.each > 5 else 3 * SECONDS_EACH
