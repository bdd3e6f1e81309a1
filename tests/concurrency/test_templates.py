"""However many ask at once: templates, and the jobs that they make, stay within what a tenant may have."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import pytest

from jobs.services import job_templates, room
from tests.support import rows
from tests.support.threads import together

ASKING = 10
TEMPLATES = "/api/v1/templates"
#: A name per job, and a schedule of each.
BODY = {"type": "dummy", "schedules": [{"kind": "cron", "expression": "0 0 * * *"}]}


def codes(answers: list[Any]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def held(owner: Any, table: str) -> int:
    return int(rows.fetch(f"SELECT count(*) FROM {table} WHERE tenant_id = %s", owner.tenant.id)[0][0])


def test_never_one_template_more_than_the_most(owner, monkeypatch):
    monkeypatch.setattr(job_templates, "MOST", 3)
    asked = [partial(owner.api.post, TEMPLATES, {"name": f"t{n}", "body": BODY}) for n in range(ASKING)]
    assert codes(together(asked)) == {201: 3, 409: ASKING - 3}
    assert held(owner, "job_template") == 3


@pytest.mark.parametrize("small", [room.SMALL, 0])
@pytest.mark.parametrize("quota", ["max_jobs", "max_schedules"])
def test_jobs_made_of_a_template_by_many_at_once_are_never_more_than_a_quota_and_all_or_none(
    owner, quota, small, monkeypatch
):
    monkeypatch.setattr(room, "SMALL", small)
    rows.change(f"UPDATE tenant SET {quota} = 7 WHERE id = %s", owner.tenant.id)
    made = owner.api.post(TEMPLATES, {"name": "t", "body": BODY})
    assert made.status_code == 201, made.content
    path = f"{TEMPLATES}/{made.json()['id']}/instantiate"
    asked = [partial(owner.api.post, path, {"items": [{"name": f"j{n}-a"}, {"name": f"j{n}-b"}]}) for n in range(5)]
    single = [
        partial(owner.api.post, "/api/v1/jobs", {"name": f"k{n}", "type": "dummy", "schedules": BODY["schedules"]})
        for n in range(2)
    ]
    # On a busy machine some may wait for longer than a lock is waited for.
    assert set(codes(together(asked + single))) <= {201, 409, 503}
    assert held(owner, "job") <= 7
    for n in range(2):
        owner.api.post(path, {"items": [{"name": f"l{n}-a"}, {"name": f"l{n}-b"}]})
    of_pairs = held(owner, "job") - sum(
        row[0]
        for row in rows.fetch("SELECT count(*) FROM job WHERE tenant_id = %s AND name LIKE 'k%%'", owner.tenant.id)
    )
    assert of_pairs % 2 == 0
    assert 6 <= held(owner, "job") <= 7
    assert held(owner, "schedule") == held(owner, "job")
