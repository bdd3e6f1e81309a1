"""The ``http`` job type: one HTTP call, judged by its status and by what the payload says of the answer.

Every connection, those after redirects included, passes the egress guard. The call as a whole ends at the attempt's deadline;
of the answer ``max_answer_bytes`` are read and 16 KiB are kept. With ``poll`` it goes on with looks at a status URL.
"""

from __future__ import annotations

from typing import ClassVar

from jobs.handlers import Context, Handler, Json
from tasks.http import calling, polling, saving
from tasks.http.exchange import Exchange
from tasks.http.params import HttpParams


class Http(Handler[HttpParams]):
    job_type = "http"
    title = "HTTP call"
    description = "Calls a URL; fails unless the answer has an expected status."
    params = HttpParams
    threaded = True
    inputs = frozenset({"query", "body", "form", "base64"})
    example: ClassVar[dict[str, Json]] = {
        "method": "POST",
        "url": "https://example.com/hooks/nightly",
        "headers": {"Accept": "application/json"},
        "body": {"report": "daily"},
    }

    def run(self, params: HttpParams, context: Context) -> Json:
        waiting = polling.known(context.kept()) if params.poll else None
        with saving.into(params, context) as into, Exchange(params, context) as exchange:
            if params.poll and waiting:
                result = calling.look(exchange, params.poll, waiting, into)
            else:
                result = calling.call(exchange, into)
        if into and into.file:
            result["artifact"] = into.file.reference
        return result
