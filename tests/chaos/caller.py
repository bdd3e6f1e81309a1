"""Calls the API as the plan says, one thread for each tenant, and records what was answered."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import httpx2

from tests.chaos import requests
from tests.chaos.checker.evidence import Operation, PlannedJob
from tests.chaos.history import History
from tests.chaos.plan import Call
from tests.chaos.witness import Witness
from tests.support.stack_api import Api

#: An operation that changes a state and whose answer is lost is asked for again, this long.
INSIST_SECONDS = 90.0
AGAIN_SECONDS = 0.5


class Caller:
    """Of one tenant. What concerns the tenant's own jobs happens in the order of the plan."""

    #: Calls that leave nothing behind that a later one undoes.
    PASSING = frozenset({"trigger", "cancel", "list", "trespass"})

    def __init__(
        self, tenant: str, api: Api, jobs: Mapping[str, PlannedJob], witness: Witness, history: History
    ) -> None:
        self.tenant = tenant
        self._api = api
        self._jobs = jobs
        self._witness = witness
        self._history = history
        self._ids: dict[str, str] = {}
        self._foreign: Sequence[str] = ()
        self._triggered: dict[str, deque[str]] = {}

    def carry_out(self, call: Call) -> None:
        """Do it, and insist where the outcome must be known."""
        action: Callable[[Call], Operation] = getattr(self, "_" + call.kind.partition("-")[0])
        if call.kind in self.PASSING:
            action(call)
            return
        until = time.monotonic() + INSIST_SECONDS
        while action(call).outcome == "info" and time.monotonic() < until:
            time.sleep(AGAIN_SECONDS)

    def entrust(self) -> None:
        """Store the secret its scripts use, before anything else is done."""
        self._api.post("secrets", {"name": requests.SECRET, "value": requests.canary(self.tenant)})

    def close(self) -> None:
        self._api.close()

    @property
    def ids(self) -> Sequence[str]:
        """Of this tenant's jobs and schedules."""
        return tuple(self._ids.values())

    def trespass_on(self, ids: Sequence[str]) -> None:
        """Another tenant's, to be asked for as if they were ours."""
        self._foreign = ids

    def _create(self, call: Call) -> Operation:
        body = requests.job(self._jobs[call.target], self._witness)
        done = self._ask(call, "POST", "jobs", body)
        if done.status == 409:
            self._keep(call.target, self._read(f"jobs/{call.target}"))
        return done

    def _keep(self, name: str, answer: Any) -> None:
        if isinstance(answer, dict) and "schedules" in answer:
            self._ids[name] = answer["id"]
            for position, schedule in enumerate(answer["schedules"]):
                self._ids[f"{name}#{position}"] = schedule["id"]

    def _read(self, path: str) -> Any:
        for _ in range(40):
            try:
                answer = self._api.send("GET", path)
            except httpx2.TransportError:
                time.sleep(AGAIN_SECONDS)
                continue
            if answer.status_code < 500:
                return answer.json()
            time.sleep(AGAIN_SECONDS)
        return None

    def _delete(self, call: Call) -> Operation:
        return self._ask(call, "DELETE", f"jobs/{self._ids.get(call.target, call.target)}")

    def _pause(self, call: Call) -> Operation:
        noun = "schedules" if call.kind.endswith("-schedule") else "jobs"
        verb = call.kind.removesuffix("-schedule")
        return self._ask(call, "POST", f"{noun}/{self._ids.get(call.target, call.target)}/{verb}", {})

    _resume = _disable = _activate = _pause

    def _edit(self, call: Call) -> Operation:
        assert call.rule is not None, "an edit has a rule"
        none = {"expression": None, "interval_seconds": None, "run_at": None, "start_at": None}
        body = {**none, **requests.rule(call.rule)}
        return self._ask(
            call, "PATCH", f"schedules/{self._ids.get(call.target, call.target)}", body, rule=asdict(call.rule)
        )

    def _trigger(self, call: Call) -> Operation:
        done = self._ask(call, "POST", f"jobs/{call.target}/trigger", None)
        if done.outcome == "ok":
            self._triggered.setdefault(call.target, deque(maxlen=3)).append(done.data["execution"])
        return done

    def _cancel(self, call: Call) -> None:
        ours = self._triggered.get(call.target)
        if ours:
            execution = ours.pop()
            self._ask(call, "POST", f"executions/{execution}/cancel", {}, execution=execution)

    def _list(self, call: Call) -> None:
        self._ask(call, "GET", "executions")

    def _trespass(self, call: Call) -> None:
        for identifier in self._foreign[:2]:
            self._ask(call, "GET", f"jobs/{identifier}")

    def _ask(self, call: Call, method: str, path: str, body: Any = None, **data: Any) -> Operation:
        number = self._history.invoke(self.tenant, call.kind, call.target)
        if call.kind == "trigger":
            body = {"payload": requests.overrides(self._jobs[call.target], number)}
        began = time.time()
        status, answer = self._send(method, path, body)
        outcome = "info" if status == 0 or status >= 500 else "fail" if status >= 400 else "ok"
        if outcome == "ok":
            data |= self._told(call, answer)
        done = Operation(number, self.tenant, call.kind, call.target, began, time.time(), outcome, status, data)
        self._history.complete(done)
        return done

    def _told(self, call: Call, answer: Any) -> dict[str, Any]:
        if call.kind == "create":
            self._keep(call.target, answer)
            return {"seen": [answer["id"]]}
        if call.kind == "trigger":
            return {"execution": answer["id"], "seen": [answer["id"]]}
        if call.kind == "list":
            return {"seen": [row["id"] for row in answer["data"]] + [row["job"]["id"] for row in answer["data"]]}
        return {}

    def _send(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        try:
            answer = self._api.send(
                method, path, body, **({"limit": 100} if method == "GET" and path == "executions" else {})
            )
        except httpx2.TransportError:
            return 0, None
        return answer.status_code, answer.json() if answer.content and answer.is_success else None
