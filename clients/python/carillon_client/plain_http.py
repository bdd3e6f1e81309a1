"""JSON over the standard library's HTTP, for executors."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any
from urllib.parse import urlsplit

#: Answers after which the same request may be let in, and seconds between two tries.
PASSING = {429, 502, 503, 504}
PAUSE = 1.0


class Refused(Exception):
    """The server said no; ``code`` is stable."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Http:
    """JSON with one key; a connection for each request, so from any thread. What may pass is tried again for a while."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        self._secure = parts.scheme == "https"
        self._address = parts.netloc
        self._base = parts.path.rstrip("/") + "/api/v1/"
        self._headers = {"X-API-Key": key, "Content-Type": "application/json", "User-Agent": "carillon-executor/0.1"}

    def post(self, path: str, body: Any, *, timeout: float = 10.0, patience: float = 20.0) -> Any:
        """The answer's JSON.

        Raises:
            Refused: the server's answer.
            OSError: there was none, for ``patience`` seconds.
        """
        until = time.monotonic() + patience
        while True:
            try:
                return self._once(path, body, timeout)
            except (OSError, http.client.HTTPException) as error:
                if time.monotonic() + PAUSE > until:
                    raise OSError(str(error)) from error
            except Refused as refusal:
                if refusal.status not in PASSING or time.monotonic() + PAUSE > until:
                    raise
            time.sleep(PAUSE)

    def _once(self, path: str, body: Any, timeout: float) -> Any:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._address, timeout=timeout)
        try:
            connection.request("POST", self._base + path, json.dumps(body).encode(), self._headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        try:
            told = json.loads(content) if content else None
        except ValueError:
            told = None
        if response.status >= 400:
            error = told.get("error", {}) if isinstance(told, dict) else {}
            raise Refused(response.status, error.get("code", ""), error.get("message", f"HTTP {response.status}"))
        return told
