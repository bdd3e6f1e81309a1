"""A web process on a port of its own, and a browser that is logged in to it.

The rows are made before the browser starts: its event loop lives in this thread, where Django's models
then refuse to be used.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from scheduler_project.env import ROOT
from scheduler_project.local import deathsig, ports
from tests.support import console, console_routes, rows
from tests.support.processes import eventually

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Site:
    """Where the console is, who may log in (``email`` with every right, and others by role), and what is in it.

    ``pages`` are the addresses of the console at which there is one.
    """

    url: str
    email: str
    furniture: console.Furniture
    people: dict[str, str]
    pages: list[str]


@dataclass
class Watched:
    """A page, and what its browser complained about."""

    page: Any
    url: str
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Go there and wait until it is drawn."""
        self.page.goto(self.url + path)
        self.page.wait_for_function("() => window.Alpine && document.fonts.status === 'loaded'")

    def log_in(self, email: str) -> None:
        """As somebody, whoever it was before."""
        self.page.context.clear_cookies()
        self.open("/admin/login/")
        self.page.fill("input[name=username]", email)
        self.page.fill("input[name=password]", PASSWORD)
        with self.page.expect_response(lambda answer: answer.request.method == "POST") as answer:
            self.page.click("button[type=submit]")
        assert answer.value.status == 302, answer.value.text()
        self.page.wait_for_url(lambda url: "/login/" not in url)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A furnished installation, served."""
    furniture = console.furnish()
    operator = console.person(password=PASSWORD)
    for state in ("scheduled", "pending", "queued", "running", "succeeded", "cancelled", "skipped"):
        rows.execution((furniture["jobs.job"], furniture["tenants.tenant"]), state)
    rows.dependency(
        rows.job(furniture["tenants.tenant"], name="extract"), (furniture["jobs.job"], furniture["tenants.tenant"])
    )
    people = {role: user.email for role, user in _people(furniture["tenants.tenant"]).items()}
    log = tmp_path_factory.mktemp("web") / "log"
    port = ports.free()
    with _web(port, log):
        yield Site(f"http://127.0.0.1:{port}", operator.email, furniture, people, _pages(furniture))


def _pages(furniture: console.Furniture) -> list[str]:
    """Read from the URL conf; what leads elsewhere, is sent as a file or is not for the row as it stands has no page."""
    client = console.Console().client
    found = []
    for route in console_routes.ALL:
        address = route.at(furniture.keys.get(route.model, 1))
        answer = client.get(address)
        is_page = answer.status_code == 200 and answer["Content-Type"].startswith("text/html")
        if is_page and b"<h1" in answer.content and "Content-Disposition" not in answer and route.name != "logout":
            found.append(address)
    return found


def _people(tenant: Any) -> dict[str, Any]:
    nobody = console.person(superuser=False, password=PASSWORD)
    auditor = console.person(superuser=False, password=PASSWORD)
    auditor.is_auditor = True
    auditor.save(update_fields=["is_auditor"])
    found = {"nobody": nobody, "auditor": auditor}
    for role in ("viewer", "editor", "admin"):
        user = console.person(superuser=False, password=PASSWORD)
        found[role] = console.member(tenant, role, of=user)
    several = console.person(superuser=False, password=PASSWORD)
    for where in (tenant, rows.tenant(name="A second tenant whose name is rather long for a header")):
        console.member(where, "viewer", of=several)
    found["several"] = several
    newcomer = console.person(superuser=False, password=PASSWORD)
    found["newcomer"] = console.member(rows.tenant(name="Brand new"), "admin", of=newcomer)
    return found


class _web:  # noqa: N801 - reads as a block
    def __init__(self, port: int, log: Path) -> None:
        self.url, self.log = f"http://127.0.0.1:{port}/health/live", log
        argv = [
            sys.executable,
            "-m",
            "uvicorn",
            "scheduler_project.asgi:application",
            "--port",
            str(port),
            "--no-access-log",
        ]
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                deathsig.command(*argv, signal=signal.SIGKILL),
                cwd=ROOT,
                env={**os.environ, "CARILLON_FLOWER_URL": "http://127.0.0.1:1/"},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> None:
        assert eventually(self._answers, 60), self.log.read_text()

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(30)

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            urllib.request.urlopen(self.url, timeout=5).close()
        except OSError:
            return False
        return True


@pytest.fixture(scope="module")
def chromium(site: Site) -> Iterator[Any]:
    """A browser without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture(params=["light", "dark"])
def browser(site: Site, chromium: Any, request: pytest.FixtureRequest) -> Iterator[Watched]:
    """Logged in, in both themes; whatever the browser complains about fails the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(console.PATIENCE)
    context.add_init_script(f"localStorage.setItem('adminTheme', JSON.stringify('{request.param}'))")
    watched = Watched(context.new_page(), site.url)
    watched.page.on("console", lambda m: watched.complaints.append(m.text) if m.type in {"error", "warning"} else None)
    watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    watched.log_in(site.email)
    yield watched
    context.close()
    assert watched.complaints == []
