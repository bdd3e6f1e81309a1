"""One run, from the first job to the final read.

    create ─► control ─► faults ─► heal ─► soak ─► quiet ─► read, judge

Everything is in real processes; this process calls the API, injects, witnesses and keeps.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from tests.chaos import reading
from tests.chaos.caller import Caller
from tests.chaos.checker.evidence import Evidence
from tests.chaos.checker.timelines import AHEAD
from tests.chaos.nemesis import Nemesis
from tests.chaos.plan import Call, Plan
from tests.chaos.stand import Stand
from tests.support.stack_api import Api

_UNFINISHED = "SELECT count(*) FROM execution WHERE finished_at IS NULL AND not_before <= clock_timestamp()"
_OVERDUE = f"{_UNFINISHED} - interval '5 seconds' AND state <> 'running'"
_UNPLANNED = "SELECT count(*) FROM schedule WHERE due_at <= clock_timestamp()"

#: Seconds a caller may be behind its plan before it leaves out what nothing else depends on.
BEHIND = 10.0


def run(stand: Stand, plan: Plan) -> Evidence:
    """Play the plan and return all that is known of it. The plan's intervals are anchored already."""
    jobs = {job.name: job for job in plan.jobs}
    callers = [
        Caller(tenant.slug, Api(stand.carillon.url, stand.keys[tenant.slug]), jobs, stand.witness, stand.history)
        for tenant in plan.tenants
    ]
    try:
        for caller in callers:
            caller.entrust()
        _in_threads(callers, [call for call in plan.calls if call.kind == "create"], began=time.time())
        for caller, other in zip(callers, [*callers[1:], callers[0]], strict=True):
            caller.trespass_on(other.ids)
        _play(stand, plan, callers)
        _quiet(stand, plan, callers)
    finally:
        for caller in callers:
            caller.close()
    caps = {tenant.slug: tenant.max_running for tenant in plan.tenants}
    return reading.evidence(stand.carillon, stand.witness, stand.history, jobs=jobs, caps=caps, limits=plan.form.limits)


def _play(stand: Stand, plan: Plan, callers: Sequence[Caller]) -> None:
    form, history, began = plan.form, stand.history, time.time()
    nemesis = Nemesis(stand, form.lease)
    calling = threading.Thread(
        target=_in_threads, args=(callers, [call for call in plan.calls if call.kind != "create"], began)
    )
    calling.start()
    nemesis.play((), began, began + form.control)
    history.phase("control", began, time.time())
    injecting = time.time()
    nemesis.play(plan.faults, began, began + form.busy)
    history.phase("faults", injecting, time.time())
    healing = time.time()
    nemesis.heal()
    stand.carillon.disconnect()  # it may be of a server that is gone
    calling.join()
    stand.keeper.wait_complete()
    history.phase("heal", healing, time.time())
    _wait_until(stand, _UNPLANNED, form.settle)
    _wait_until(stand, _OVERDUE, form.settle)
    soaking = time.time()
    time.sleep(form.soak)
    history.phase("soak", soaking, time.time())


def _in_threads(callers: Sequence[Caller], calls: Sequence[Call], began: float) -> None:
    threads = [threading.Thread(target=_carry_out, args=(caller, calls, began)) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _carry_out(caller: Caller, calls: Sequence[Call], began: float) -> None:
    for call in calls:
        behind = time.time() - began - call.at
        if call.tenant != caller.tenant or (behind > BEHIND and call.kind in caller.PASSING):
            continue
        time.sleep(max(0.0, -behind))
        caller.carry_out(call)


def _quiet(stand: Stand, plan: Plan, callers: Sequence[Caller]) -> None:
    """No schedule fires any more, and what was due ends, or is found not to have ended."""
    began = time.time()
    pauses = [Call(0.0, job.tenant, "pause", job.name) for job in plan.jobs if job.schedules]
    _in_threads(callers, pauses, began)
    # What is planned ahead comes due first.
    time.sleep(AHEAD)
    _wait_until(stand, _UNFINISHED, plan.form.settle)
    stand.history.phase("quiet", began, time.time())


def _wait_until(stand: Stand, count: str, seconds: float) -> None:
    """Until there are none, or the time is over: then it is for the checker to say what that means."""
    until = time.monotonic() + seconds
    while stand.carillon.value(count) and time.monotonic() < until:
        time.sleep(0.2)
