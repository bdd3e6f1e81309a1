"""The REST API of a running stack, as a customer calls it."""

from __future__ import annotations

from typing import Any

import httpx2


class Api:
    """Speaks JSON with one key over kept connections. Paths are relative to /api/v1."""

    def __init__(self, url: str, key: str) -> None:
        self._client = httpx2.Client(base_url=url, headers={"X-API-Key": key}, timeout=60)

    def send(self, method: str, path: str, body: Any = None, **query: Any) -> httpx2.Response:
        """Whatever the answer is. A path that begins with / is not below /api/v1."""
        place = path if path.startswith("/") else f"/api/v1/{path}"
        return self._client.request(method, place, json=body, params=query)

    def get(self, path: str, **query: Any) -> Any:
        """The answer's JSON; fails if it is not a 2xx."""
        return _good(self.send("GET", path, **query))

    def post(self, path: str, body: Any = None) -> Any:
        """The answer's JSON; fails if it is not a 2xx."""
        return _good(self.send("POST", path, {} if body is None else body))

    def trigger(self, job: str, **body: Any) -> str:
        """Run a job; returns the execution's id."""
        identifier: str = self.post(f"jobs/{job}/trigger", body)["id"]
        return identifier

    def close(self) -> None:
        self._client.close()


def _good(response: httpx2.Response) -> Any:
    assert response.is_success, f"{response.request.method} {response.url}: {response.status_code} {response.text}"
    return response.json()
