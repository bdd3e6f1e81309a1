"""What a page of each list costs with each filter, as a tenant's key gets it from a web process.

    python -m tests.scale.lists [--executions N] [--calls N] [--commit docs/lists.csv]

Starts servers of its own, fills them with ten million executions of thirty tenants, of which the largest has a third,
and asks as that tenant: first pages, and pages that lie deep. About half an hour, and twenty gigabytes of disk.
Beside milliseconds, which suffer from whatever else the machine does, stands the processor time of an answer, of the web
process and of PostgreSQL. Nothing passes or fails; what exceeds 300 ms is printed last. See docs/performance.md.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

from scheduler_project.local import leash, throwaway
from tests.benchmarks import costs
from tests.benchmarks.figures import Figure, Machine
from tests.benchmarks.report import FOLDER
from tests.scale import fill as filling
from tests.scale.list_cases import EARLY, Case, cases
from tests.support import stack as stacks
from tests.support import stack_tenants
from tests.support.stack import Stack
from tests.support.stack_api import Api
from tests.support.stack_databases import migrated

BUDGET = 300.0
LARGEST = "scale-1"
_KNOWN = """
SELECT tenant_id, (array_agg(DISTINCT job_id))[1:20] AS jobs, max(schedule_id::text) AS schedule, max(id::text) AS execution,
    max(error_fingerprint) AS fingerprint, max(worker_id::text) AS worker, max(replay_of::text) AS replayed
FROM (SELECT * FROM execution WHERE tenant_id = (SELECT id FROM tenant WHERE slug = %s)
    AND id > carillon_floor_id(now() - %s::interval) ORDER BY id LIMIT 20000) AS early GROUP BY tenant_id
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of a case's first pages and of its deep ones, processor time of each, and how many rows a page had."""

    case: Case
    first: Figure
    deep: Figure | None
    rows: int
    goes_on: bool
    processor: float

    @property
    def exceeds(self) -> bool:
        return any(figure.percentile(0.95) > BUDGET for figure in (self.first, self.deep) if figure)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.scale.lists", description=__doc__.splitlines()[0])
    parser.add_argument("--executions", type=int, default=10_000_000)
    parser.add_argument("--calls", type=int, default=30, help="of each case, first and deep")
    parser.add_argument("--commit", type=Path, metavar="FILE", help="also write the table there")
    chosen = parser.parse_args()
    machine = Machine.now()
    print(f"{machine}\n", flush=True)
    with (
        throwaway.postgres() as postgres,
        throwaway.valkey() as valkey,
        leash.temporary_folder("carillon-lists-") as folder,
    ):
        urls = migrated(postgres)
        fill(postgres.url("carillon"), chosen.executions)
        with stacks.running(urls, postgres, valkey, folder) as carillon:
            carillon.start("web")
            found = measure(carillon, chosen.calls)
    report(machine, found, chosen.commit)


def fill(superuser: str, executions: int) -> None:
    """A third of all is one tenant's; each filter has something common to find, and something rare."""
    sizes = filling.Sizes(schedules=100_000, pending=20_000, executions=executions, tenants=30, recorded=2)
    filling.fill(superuser, sizes)
    with filling.connect(superuser) as connection:
        connection.execute("INSERT INTO queue (name, created_at) VALUES ('rare', now()) ON CONFLICT DO NOTHING")
        for name in ("variety", "tags", "idle_schedules", "never", "dead_letters"):
            connection.execute(filling.STATEMENTS[name].replace("%%", "%").encode())
        connection.execute("VACUUM (ANALYZE)")


def measure(carillon: Stack, calls: int) -> list[Cost]:
    """Every case, in turns of first and deep pages."""
    key = stack_tenants.keys(carillon, [{"slug": LARGEST}])[LARGEST]
    api, now = Api(carillon.url, key), datetime.now(UTC)
    found = [_cost(carillon, api, case, calls, now) for case in cases(_known(carillon, api), now)]
    api.close()
    return found


def _known(carillon: Stack, api: Api) -> dict[str, Any]:
    (row,) = carillon.query(_KNOWN, LARGEST, EARLY)
    found: dict[str, Any] = row._asdict()
    found["jobs"] = [str(job) for job in found["jobs"]]
    found["job"] = found["jobs"][0]
    found["job_name"] = api.get(f"jobs/{found['job']}")["name"]
    return found


def _cost(carillon: Stack, api: Api, case: Case, calls: int, now: datetime) -> Cost:
    page = _asked(api, case, {})[1]
    before = _processor(carillon)
    first = [_asked(api, case, {})[0] for _ in range(calls)]
    processor = 1000 * (_processor(carillon) - before) / calls
    deep = []
    if (cursor := _deep_cursor(api, case, now, page)) is not None:
        _asked(api, case, {"cursor": cursor})
        deep = [_asked(api, case, {"cursor": cursor})[0] for _ in range(calls)]
    figures = [Figure("list", case.name, "ms", times) for times in (first, deep) if times]
    goes_on = page["next_cursor"] is not None
    cost = Cost(case, figures[0], figures[1] if deep else None, len(page["data"]), goes_on, processor)
    print(_line(cost), flush=True)
    return cost


def _processor(carillon: Stack) -> float:
    return costs.seconds(costs.tree(carillon.the("web"))) + costs.servers(carillon)["PostgreSQL"]


def _deep_cursor(api: Api, case: Case, now: datetime, page: Any) -> str | None:
    """Where a page begins that lies weeks or, where lists have no time, five pages deep."""
    if case.path.endswith("executions") and not any("[" in name for name in case.query):
        bound = "finished_at" if "finished" in str(case.query.get("order_by")) else "created_at"
        end = "gte" if case.query.get("order_by") == "created_at" else "lte"
        there = _asked(api, case, {f"{bound}[{end}]": (now - EARLY).isoformat()})[1]
        return str(there["next_cursor"]) if there["next_cursor"] else None
    for _ in range(5):
        if page["next_cursor"] is None:
            return None
        cursor = str(page["next_cursor"])
        page = _asked(api, case, {"cursor": cursor})[1]
    return cursor


def _asked(api: Api, case: Case, more: dict[str, str]) -> tuple[float, Any]:
    began = perf_counter()
    answer = api.get(case.path, **{**case.query, **more})
    return 1000 * (perf_counter() - began), answer


def _line(cost: Cost) -> str:
    figures = [_shown(cost.first), _shown(cost.deep)]
    short = f"{cost.rows} rows{'' if not cost.goes_on else ', goes on'}"
    return f"{cost.case.name[:90]:<90} {figures[0]:>14} {figures[1]:>14} {cost.processor:>6.0f} ms  {short}"


def _shown(figure: Figure | None) -> str:
    return f"{figure.median:.0f} / {figure.percentile(0.95):.0f}" if figure else "–"


def report(machine: Machine, found: Sequence[Cost], commit: Path | None) -> None:
    """Print what is too slow; write all of it below bench-results/, and to ``commit``."""
    slow = [cost for cost in found if cost.exceeds]
    print(f"\n{len(found)} lists; load average {os.getloadavg()[0]:.1f}; {len(slow)} exceed {BUDGET:.0f} ms at p95:")
    for cost in slow:
        print(_line(cost))
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(
        ["list", "rows", "goes_on", "processor_ms", "first_p50_ms", "first_p95_ms", "deep_p50_ms", "deep_p95_ms"]
    )
    for cost in found:
        figures = [round(value, 1) for figure in (cost.first, cost.deep) if figure for value in (figure.median, figure.percentile(0.95))]  # fmt: skip
        writer.writerow([cost.case.name, cost.rows, cost.goes_on, round(cost.processor, 1), *figures])
    FOLDER.mkdir(exist_ok=True)
    content = f"# {machine}; {os.getloadavg()[0]:.1f} at the end\n{output.getvalue()}"
    for path in [FOLDER / f"lists-{machine.at.replace(':', '').partition('+')[0]}.csv", *([commit] if commit else [])]:
        path.write_text(content)


if __name__ == "__main__":
    main()
