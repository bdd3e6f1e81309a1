"""The ``dummy`` job type: takes a while, prints, fails, as told. For demos, tests and measuring."""

from __future__ import annotations

import secrets
import time
from typing import ClassVar

from pydantic import Field

from jobs.handlers import Cancelled, Context, Handler, HandlerError, Json, Params

#: How often a sleep looks whether it is still wanted; in processes it is interrupted at once.
GLANCE_SECONDS = 0.2
LINE_CHARS = 1024


class DummyParams(Params):
    duration_seconds: float = Field(default=0, ge=0, le=86400)
    fail_rate: float = Field(default=0, ge=0, le=1, description="Probability of a failure, drawn anew each attempt.")
    fail_until_attempt: int = Field(default=0, ge=0, description="Attempts before this one fail; this one succeeds.")
    output_bytes: int = Field(default=0, ge=0, le=10 * 1024 * 1024, description="Logged in lines of 1 KiB.")
    result: Json = None


class Dummy(Handler[DummyParams]):
    job_type = "dummy"
    title = "Dummy"
    description = "Waits, prints and fails as told: for demos and tests."
    params = DummyParams
    threaded = True
    inputs = frozenset(DummyParams.model_fields)
    example: ClassVar[dict[str, Json]] = {"duration_seconds": 2, "result": {"answer": 42}}

    def run(self, params: DummyParams, context: Context) -> Json:
        for start in range(0, params.output_bytes, LINE_CHARS):
            context.log("x" * min(LINE_CHARS, params.output_bytes - start))
        if params.duration_seconds:
            context.log(f"waiting {params.duration_seconds:g} s")
            _wait(params.duration_seconds, context)
        if context.attempt < params.fail_until_attempt:
            raise HandlerError(f"attempt {context.attempt} fails, as all before {params.fail_until_attempt} shall")
        if params.fail_rate and secrets.randbelow(10**6) < params.fail_rate * 10**6:
            raise HandlerError(f"failed by chance, with a rate of {params.fail_rate:g}")
        return params.result


def _wait(seconds: float, context: Context) -> None:
    until = time.monotonic() + seconds
    tenths = 0
    while (left := until - time.monotonic()) > 0:
        if context.cancelled:
            raise Cancelled
        done = int(10 * (1 - left / seconds))
        if done > tenths:
            tenths = done
            context.progress(tenths / 10)
        time.sleep(min(left, GLANCE_SECONDS))
