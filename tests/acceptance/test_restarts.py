"""Every process is replaced and restarted under load: no attempt fails, no request is refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.acceptance import runs, slots
from tests.support.http_server import HttpServer
from tests.support.stack import ROLES, Stack, wait_for
from tests.support.stack_api import Api


def test_no_attempt_fails_while_each_process_is_replaced_and_restarted(carillon: Stack, web_site: HttpServer) -> None:
    schedule = slots.every_second(carillon, "beside-restarts")
    short = carillon.api.post("jobs", {"name": "short", "type": "dummy", "payload": {"duration_seconds": 0.1}})["id"]
    long = carillon.api.post("jobs", {"name": "long", "type": "http", "payload": {"url": web_site.url()}})["id"]
    hung: list[str] = []
    with _callers(carillon, short) as executions:
        for change in (carillon.replace, carillon.restart):
            for role in ROLES:
                if role == "worker":
                    hung.append(_hung(carillon, web_site, long, f"/{change.__name__}"))
                change(role)
                _five_more(executions)

    everyone = [*executions, *hung]
    wait_for(lambda: runs.states(carillon, everyone)["succeeded"] == len(everyone), 90, "all have succeeded")
    assert runs.attempts(carillon, hung) == {(1, "succeeded"): 2, (1, "released"): 2}
    # A short one that a busy machine held up for as long as a worker drains is given back as well; none fails.
    assert set(runs.attempts(carillon, executions)) <= {(1, "succeeded"), (1, "released")}
    seen = slots.stop(carillon, schedule)
    assert seen.missing == []
    assert seen.doubled == []
    assert seen.states == {"succeeded"}


def _hung(carillon: Stack, web_site: HttpServer, job: str, path: str) -> str:
    """An execution longer than a worker drains: it will be given back, and answered when it calls again."""
    web_site.hang(path)
    web_site.answer(path)
    execution = carillon.api.trigger(job, payload={"url": web_site.url(path)})
    wait_for(lambda: any(request.path == path for request in web_site.requests), 60, "it has called")
    return execution


def _five_more(executions: list[str]) -> None:
    before = len(executions)
    wait_for(lambda: len(executions) >= before + 5, 60, "five more calls")


@contextmanager
def _callers(carillon: Stack, job: str) -> Iterator[list[str]]:
    """Somebody triggers the job all the time; the list grows. A call that is refused fails the test at the end."""
    executions: list[str] = []
    refused: list[BaseException] = []
    stopping = threading.Event()

    def call() -> None:
        api = Api(carillon.url, carillon.key)
        try:
            while not stopping.wait(0.1):
                executions.append(api.trigger(job))
        except BaseException as error:
            refused.append(error)
        finally:
            api.close()

    thread = threading.Thread(target=call)
    thread.start()
    try:
        yield executions
    finally:
        stopping.set()
        thread.join()
    assert not refused, refused
