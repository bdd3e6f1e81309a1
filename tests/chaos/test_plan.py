"""One seed is one plan."""

from __future__ import annotations

import pytest

from tests.chaos import forms, nemesis, plan
from tests.chaos.faults.registry import KINDS

FORMS = {"short": forms.short(), "long": forms.long(10, 7, tuple(sorted(KINDS)))}


@pytest.mark.parametrize("form", FORMS)
def test_a_seed_decides_everything(form):
    kinds = tuple(sorted(KINDS))
    assert plan.make(4, FORMS[form], kinds) == plan.make(4, FORMS[form], kinds)
    assert plan.make(4, FORMS[form], kinds) != plan.make(5, FORMS[form], kinds)


@pytest.mark.parametrize("form", FORMS)
def test_every_fault_of_a_form_is_there_and_known(form):
    planned = plan.make(1, FORMS[form], tuple(sorted(KINDS)))
    assert {fault.kind for fault in planned.faults} >= set(FORMS[form].faults)
    assert {fault.kind for fault in planned.faults} <= set(KINDS)
    assert all(FORMS[form].control <= fault.at < FORMS[form].busy for fault in planned.faults)
    assert nemesis.SOURCES


def test_every_policy_is_planned_and_nobody_calls_for_a_job_that_is_not():
    planned = plan.make(1, forms.short())
    assert {job.overlap for job in planned.jobs} == {"allow", "skip", "queue_one", "queue_all"}
    assert {schedule.misfire for job in planned.jobs for schedule in job.schedules} == {"all", "last", "skip"}
    assert {call.target.partition("#")[0] for call in planned.calls} <= {job.name for job in planned.jobs}
