"""What a schedule's author may not have meant: each caution where it holds, and silence where it does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest

from jobs import triggers
from jobs.previews import cautions, clocks
from jobs.previews.cautions import Caution
from jobs.rules.slots import SlotKind

NOW = datetime(2027, 1, 1, tzinfo=UTC)


def told(
    kind: str = "cron", *, usual: float | None = None, overlap: str = "queue_one", **fields: Any
) -> dict[str, str]:
    trigger = triggers.build(kind, fields)
    zone = fields.get("timezone", "UTC")
    seen = cautions.Seen(
        fields={"kind": kind, "timezone": zone, **fields}, trigger=trigger, now=NOW, overlap=overlap, usual_seconds=usual,
        runs=list(islice((slot for slot in trigger.after(NOW) if slot.kind is SlotKind.RUN), 20)),
        changes=clocks.changes(kind, zone, trigger, NOW),
    )  # fmt: skip
    return {warning.code.value: warning.message for warning in cautions.of_rule(seen)}


@pytest.mark.parametrize(
    ("fields", "codes"),
    [
        ({"expression": "30 2 * * *"}, set()),
        ({"expression": "*/5 * * * *"}, set()),
        ({"expression": "0 0 13 * 5"}, {Caution.EITHER_DAY}),
        ({"expression": "* * * * * *"}, {Caution.SHORT_INTERVAL}),
        ({"expression": "*/15 * * * * *"}, set()),
        ({"expression": "0 0 31 * *"}, {Caution.SKIPPED_MONTHS}),
        ({"expression": "0 0 30 * *"}, {Caution.SKIPPED_MONTHS}),
        ({"expression": "0 0 29 * *"}, {Caution.FEBRUARY_29}),
        ({"expression": "0 0 29 2 *"}, {Caution.FEBRUARY_29}),
        ({"expression": "0 0 31 1,3 *"}, set()),
        ({"expression": "0 0 28,31 * *"}, set()),
        ({"expression": "0 0 L * *"}, set()),
        ({"expression": "0 0 * * 5#5"}, {Caution.SKIPPED_MONTHS}),
        ({"expression": "0 0 * * 5#5,5#1"}, set()),
        ({"expression": "0 0 31 * 1"}, {Caution.EITHER_DAY}),
        ({"expression": "30 2 * * *", "timezone": "Europe/Berlin", "dst_gap": "skip"}, {Caution.DST_SKIPS}),
        ({"expression": "30 2 * * *", "timezone": "Europe/Berlin"}, set()),
        ({"expression": "0 5 * * *", "timezone": "Europe/Berlin", "dst_gap": "skip"}, set()),
        ({"expression": "0 5 * * *", "end_at": NOW - timedelta(days=1)}, {Caution.PAST_END}),
        ({"expression": "0 5 * * *", "end_at": NOW + timedelta(hours=1)}, {Caution.NEVER_FIRES}),
        ({"expression": "0 5 * * *", "end_at": NOW + timedelta(days=1)}, set()),
        ({"kind": "once", "run_at": NOW - timedelta(days=1)}, {Caution.PAST_END}),
        ({"kind": "once", "run_at": NOW + timedelta(days=1)}, set()),
        ({"kind": "interval", "interval_seconds": 9, "start_at": NOW}, {Caution.SHORT_INTERVAL}),
        ({"kind": "interval", "interval_seconds": 10, "start_at": NOW}, set()),
    ],
)
def test_each_is_said_where_it_holds_and_nowhere_else(fields, codes):
    assert set(told(**fields)) == {code.value for code in codes}


def test_months_that_are_left_out_are_named():
    message = told(expression="0 0 31 * *")["SKIPPED_MONTHS"]
    assert message.startswith("February, April, June, September and November have no 31st")


def test_a_rule_that_fires_oftener_than_its_job_takes_says_what_becomes_of_the_slots():
    assert told(expression="*/5 * * * *", usual=299) == {}
    assert told(expression="*/5 * * * *", usual=None) == {}
    message = told(expression="*/5 * * * *", usual=400, overlap="allow")["FIRES_OFTENER_THAN_IT_TAKES"]
    assert message == (
        "Half of this job's last runs took 6 minutes and 40 seconds or longer, and it runs every 5 minutes: its runs pile up. "
        "Let it run less often."
    )


def test_a_crowd_is_told_with_a_better_minute_if_there_is_one():
    assert cautions.crowd(41, "00:00 UTC", ("00:07", 0)).message == (
        "41 other schedules have their next run at 00:00 UTC too: try 00:07, which has none."
    )
    assert "max_running" in cautions.crowd(41, "00:00 UTC", None).message
