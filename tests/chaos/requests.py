"""Planned jobs and schedules in the API's words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.chaos.checker.evidence import PlannedJob, PlannedSchedule, Rule
from tests.chaos.witness import Witness

#: The secret each tenant's scripts are given, and say aloud.
SECRET = "chaos_canary"
#: Says who it is, pulses ten times a second without starting a process for it, says that it has ended.
PULSING = """
echo "the secret is $CANARY"
exec 3<>/dev/tcp/127.0.0.1/$WITNESS
printf '%s %s %s %s\\n' "$TENANT" "$JOB" "$CARILLON_EXECUTION_ID" "$CARILLON_ATTEMPT" >&3
for ((i = 0; i < TENTHS; i++)); do read -t 0.1 -u 3 _; printf '.\\n' >&3; done
printf 'end\\n' >&3
"""


def canary(tenant: str) -> str:
    """What the tenant's secret is: the same in every run, and like nothing else there is."""
    return f"Kanarie+{tenant}/9f3c1b7e"


def job(planned: PlannedJob, witness: Witness) -> dict[str, Any]:
    """The body of its creation."""
    return {
        "name": planned.name,
        "type": planned.type,
        "payload": _payload(planned, witness),
        "overlap": planned.overlap,
        "max_running": planned.max_running,
        "priority": planned.priority,
        "timeout_seconds": 60,
        "retry": {"max_attempts": planned.max_attempts, "delay_seconds": planned.delay, "jitter": False},
        "schedules": [_schedule(schedule) for schedule in planned.schedules],
    }


def _payload(planned: PlannedJob, witness: Witness) -> dict[str, Any]:
    if planned.type == "http":
        query = f"seconds={planned.seconds:.3f}&fails={planned.fails}"
        return {"method": "POST", "url": f"{witness.url}/{planned.tenant}/{planned.name}?{query}"}
    if planned.type == "script":
        environment = {
            "WITNESS": str(witness.port),
            "TENANT": planned.tenant,
            "JOB": planned.name,
            "TENTHS": str(round(planned.seconds * 10)),
            "CANARY": f"{{{{ secrets.{SECRET} }}}}",
        }
        return {"interpreter": "bash", "script": PULSING, "env": environment}
    return {"duration_seconds": planned.seconds, "fail_until_attempt": planned.fails + 1}


def overrides(planned: PlannedJob, number: int) -> dict[str, Any]:
    """What marks a requested run with its operation's number."""
    if planned.type == "http":
        return {"headers": {"X-Operation": str(number)}}
    return {"stdin": str(number)} if planned.type == "script" else {"result": number}


def _schedule(planned: PlannedSchedule) -> dict[str, Any]:
    return {**rule(planned.rule), "misfire": planned.misfire, "misfire_grace_seconds": planned.grace}


def rule(planned: Rule) -> dict[str, Any]:
    """The fields that say when it fires."""
    if planned.kind == "cron":
        seconds = ",".join(str(second) for second in range(planned.offset, 60, planned.every))
        return {"kind": "cron", "expression": f"{seconds} * * * * *"}
    anchor = datetime.fromtimestamp(planned.anchor, UTC).isoformat()
    if planned.kind == "interval":
        return {"kind": "interval", "interval_seconds": planned.every, "start_at": anchor}
    return {"kind": "once", "run_at": anchor}
