"""Sends a case as somebody, and holds the answer against the description."""

from __future__ import annotations

from typing import Any

import requests
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.fuzz import sense
from tests.fuzz.server import Server
from tests.fuzz.world import World

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
#: Methods that nothing here knows.
UNKNOWN_METHODS = ("TRACE", "OPTIONS", "PROPFIND")
OF_OPERATORS = ("/api/v1/queues", "/api/v1/tenants")


class Asking:
    """Counts what it sends, and notes what is not as described."""

    def __init__(self, server: Server, world: World, report: Any) -> None:
        self._server = server
        self._world = world
        self._report = report

    def alone(self, case: Any, who: str, chance: int) -> None:
        """One case; often with an id that means something, seldom for another tenant."""
        known = self._world.known(who, case.operation.path)
        if known and chance < 7 and "id" in (case.path_parameters or {}):
            case.path_parameters["id"] = known[chance % len(known)]
        if case.query and chance:
            case.query.pop("tenant", None)
        if case.headers and chance > 2:
            case.headers.pop("X-Audit-Reason", None)
        if chance > 3:
            self.make_sense(case)
        self.send(case, who)

    def make_sense(self, case: Any) -> None:
        """Let its body mean something."""
        if isinstance(case.body, dict):
            case.body = sense.of(case.body, job=self._world.ids["jobs"][0])

    def strange(self, case: Any, body: str | None, text: str, who: str) -> None:
        """One case with something odd in its body, its query or its path."""
        known = self._world.known(who, case.operation.path)
        if known and "id" in (case.path_parameters or {}):
            case.path_parameters["id"] = known[0] if body is not None or case.query else text
        case.query = dict.fromkeys([*(case.query or {})][:1], text)
        self.send(case, who, body=body)

    def send(self, case: Any, who: str, *, body: str | None = None) -> Response | None:
        """The answer, after it was looked at; None for what cannot be sent as the operation that it is."""
        if _leaves_its_path(case):
            return None
        prepared = self._prepared(case, who, body)
        answer = Response.from_requests(self._server.ask(prepared), verify=False)
        self._report.tried[who] += 1
        self._report.statuses[answer.status_code] += 1
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as group:
            for failure in group.exceptions:
                self._note(case, prepared, answer, failure, who)
        return answer

    def by_another_method(self, operation: Any, method: str) -> None:
        """Of a method that is not known, who may do everything there is told 405."""
        url = f"http://testserver{operation.path.replace('{id}', 'x').replace('{number}', '1')}"
        who = "operator" if operation.path.startswith(OF_OPERATORS) else "admin"
        status = self._server.ask(requests.Request(method, url, headers=self._headers(who)).prepare()).status_code
        self._report.tried[who] += 1
        self._report.statuses[status] += 1
        if status != 405:
            self._report.found[f"{method} {operation.path} as {who} answers {status}"] = url

    def _prepared(self, case: Any, who: str, body: str | None) -> requests.PreparedRequest:
        sent = case.as_transport_kwargs(base_url="http://testserver", headers=self._headers(who))
        if body is not None:
            sent.pop("json", None)
            sent["data"] = body.encode(errors="surrogatepass")
            sent["headers"]["Content-Type"] = "application/json"
        known = ("method", "url", "headers", "params", "data", "json", "cookies", "files")
        return requests.Request(**{name: sent[name] for name in known if name in sent}).prepare()

    def _headers(self, who: str) -> dict[str, str]:
        key = self._world.keys[who]
        return {"X-API-Key": key} if key else {}

    def _note(self, case: Any, prepared: Any, answer: Response, failure: Failure, who: str) -> None:
        told = f"{case.operation.label} {answer.status_code}: {failure.title}: {str(failure.message).splitlines()[0]}"
        sent = (
            f"{who}: {prepared.method} {prepared.url}\n{(prepared.body or b'')!r:.2000}\n{answer.text:.3000}\n{failure}"
        )
        self._report.found.setdefault(told, sent)


def _leaves_its_path(case: Any) -> bool:
    """Whether a path's parameter came out empty: /operations//resume is taken for /operations/resume on its way.

    That is another operation's path, or none's, and rightly answered with 405, which this one does not describe.
    """
    return any(str(value) == "" for value in (case.path_parameters or {}).values())
