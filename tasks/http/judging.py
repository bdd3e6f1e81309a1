"""What is made of an answer: whether it is a success, and what of it the result holds by itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from jobs.handlers import HandlerError, Json, RetryLater
from jobs.rules import json_pointers, result_conditions
from jobs.rules.codes import Failure
from jobs.rules.result_conditions import Verdict
from tasks.http.params import Extracted, HttpParams
from tasks.http_answer import ENCODED_CHARS, Answer

LONGEST_RETRY_AFTER = timedelta(days=1)
#: Of a body, what conditions and extraction look at.
JUDGED_BYTES = 1024 * 1024
#: What conditions may work on: a body as text and as JSON, twice.
MOST_WORK = 4 * JUDGED_BYTES


def decide(condition: str, answer: Answer) -> Verdict:
    """Whether a condition is true of an answer. ``json`` is null where the body is none."""
    scope = {"status": answer.status, "headers": dict(answer.headers), "body": answer.text(), "json": _json(answer)}
    return result_conditions.decide(condition, scope, MOST_WORK)


def extracted(wanted: Mapping[str, str | Extracted], answer: Answer) -> tuple[dict[str, Json], str]:
    """What was found, and what is wrong if anything is."""
    if not wanted:
        return {}, ""
    try:
        document = answer.json()
    except ValueError as error:
        return {}, f"extract: the answer is no JSON: {error}"
    found: dict[str, Json] = {}
    for name, place in wanted.items():
        pointer = place if isinstance(place, str) else place.pointer
        try:
            found[name] = json_pointers.value(document, pointer)
        except json_pointers.MissingPlace as missing:
            if isinstance(place, str) or not place.optional:
                return found, f"extract.{name}: the answer has no {pointer}: {missing}"
            found[name] = None
    return found, ""


def result(
    params: HttpParams, answer: Answer, timings: Mapping[str, float], more: Mapping[str, Json]
) -> dict[str, Any]:
    """The result of an accepted answer; a HandlerError says why it is none after all."""
    found, problem = extracted(params.extract, answer)
    size = len(json.dumps(found))
    if size > ENCODED_CHARS:
        message = f"what extract takes out has {size} characters and {ENCODED_CHARS} are kept: take less"
        raise HandlerError(message, code=Failure.RESOURCE_LIMIT, tags={"extract"})
    kept = answer.result(timings=timings, room=ENCODED_CHARS - size, with_body=params.save_as is None) | dict(more)
    if params.extract:
        kept["extracted"] = found
    if problem:
        raise HandlerError(problem, tags={"extract"}, result=kept)
    if params.success_if:
        verdict = decide(params.success_if, answer)
        if verdict.problem:
            why = f"success_if cannot be computed of the answer: {verdict.problem}"
            raise HandlerError(why, code=Failure.RESULT_REFUSED, tags={"success_if"}, result=kept)
        if not verdict.is_true:
            why = f"success_if is not true of the answer: {params.success_if}"
            raise HandlerError(why, code=Failure.RESULT_REFUSED, tags={"success_if"}, result=kept)
    return kept


def unexpected(answer: Answer, kept: Json) -> HandlerError:
    """The failure of an answer whose status was not wanted."""
    message = f"unexpected status {answer.line}"
    tags = {f"http:{answer.status}", f"http:{answer.status // 100}xx"}
    delay = retry_after(answer) if answer.status in (429, 503) else None
    if delay is None:
        return HandlerError(message, tags=tags, result=kept)
    message = f"{message}; its Retry-After says {delay.total_seconds():g} s"
    return RetryLater(message, delay=delay, tags=tags, result=kept)


def retry_after(answer: Answer) -> timedelta | None:
    """The header's seconds or date as a length between nothing and one day; None when it says neither."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=min(int(text[:9]), 10**8)), LONGEST_RETRY_AFTER)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(at - datetime.now(UTC), timedelta()), LONGEST_RETRY_AFTER)


def _json(answer: Answer) -> Json:
    try:
        return answer.json()
    except ValueError:
        return None
