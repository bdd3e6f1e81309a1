"""What `make up` prints once everything answers."""

from __future__ import annotations

import json
import shlex
from typing import Any


def text(credentials: dict[str, Any], path: str) -> str:
    """Where to look, how to log in, and a command to try; ``path`` is the file that keeps them."""
    url, admin = credentials["url"], credentials["admin"]
    return f"""
Carillon is up.

  Console   {url}/admin/
  Log-in    {admin["email"]}   {admin["password"]}
  Flower    {credentials["flower_url"]}/   (the same log-in)
  API       {url}/api/v1/docs
  API key   {credentials["api_key"]}   (tenant {credentials["tenant"]})

All of this is kept in {path}
To see a job run every second, paste this in another terminal:

{_curl(url, credentials["api_key"])}

Ctrl-C stops everything; from elsewhere: make down, make restart.
"""


def _curl(url: str, api_key: str) -> str:
    job = {
        "name": "every-second",
        "type": "http",
        "payload": {"method": "GET", "url": f"{url}/health/live"},
        "schedules": [{"kind": "cron", "expression": "* * * * * *", "timezone": "UTC"}],
    }
    return " \\\n  ".join(
        [
            f"curl -X POST {url}/api/v1/jobs",
            f"-H {shlex.quote(f'X-API-Key: {api_key}')}",
            "-H 'Content-Type: application/json'",
            f"-d {shlex.quote(json.dumps(job))}",
        ]
    )
