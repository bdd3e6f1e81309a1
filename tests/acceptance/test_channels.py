"""Channels are told by a real engine process, which has no page of the console."""

from __future__ import annotations

import json
from uuid import uuid4

from tests.support.http_server import HttpServer
from tests.support.stack import Stack, wait_for


def test_a_failed_job_tells_its_channel_with_a_link_that_leads_to_its_page(
    carillon: Stack, web_site: HttpServer
) -> None:
    name = f"team_{uuid4().hex[:8]}"
    carillon.api.post("secrets", {"name": name, "kind": "webhook", "value": {"webhook_url": web_site.url("/team")}})
    job = {
        "name": name, "type": "dummy", "payload": {"fail_rate": 1}, "retry": {"max_attempts": 1}, "on_failure": [name],
    }  # fmt: skip
    execution = carillon.api.trigger(carillon.api.post("jobs", job)["id"])
    wait_for(lambda: web_site.requests, 90, "the channel is told")
    told = json.loads(web_site.requests[0].body)
    assert (told["job"], told["state"], told["execution"]) == (name, "failed", execution)
    assert told["url"].startswith(carillon.url)
    page = carillon.api.send("GET", told["url"].removeprefix(carillon.url))
    assert page.status_code == 302
    assert page.headers["location"].startswith("/admin/login/")
    assert carillon.api.send("GET", "/admin/nowhere/").headers.get("location") != page.headers["location"]
