"""The console as each role sees it, in a real browser and in both themes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.needs("chromium")

CONTRAST = (Path(__file__).parent / "contrast.js").read_text()
LISTS = ("jobs/execution", "jobs/job", "jobs/schedule", "jobs/deadletter", "jobs/queue", "jobs/worker")
MENU = {
    "viewer": {
        "Overview", "Executions", "Workflow runs", "Approvals", "Operations", "Failure groups", "Jobs", "Graph", "Tags", "Templates", "Dead letters", "Queues", "Workers", "Executors", "API docs",
        "Schedules", "Calendars", "Maintenance", "Forecast", "Events", "Hooks",
    },
    "nobody": {"API docs"},
}  # fmt: skip
MENU["admin"] = MENU["viewer"] | {"Tenants", "Members", "Invitations", "API keys", "Secrets", "Audit"}
MENU["auditor"] = MENU["viewer"] | {"Tenants", "Audit"}


def _pages(site: Any) -> list[str]:
    rows = [f"/admin/{name}/{site.furniture[name.replace('/', '.')]}/change/" for name in LISTS]
    return ["/admin/", *(f"/admin/{name}/" for name in LISTS), *rows, "/admin/password_change/"]


def _looked_at(browser: Any, path: str) -> None:
    browser.open(path)
    page = browser.page
    assert page.locator("h1").first.is_visible(), path
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0, path
    assert page.evaluate(CONTRAST) == [], path


@pytest.mark.parametrize(
    ("browser", "role"),
    [("light", "viewer"), ("dark", "admin"), ("light", "auditor"), ("dark", "newcomer")],
    indirect=["browser"],
)
def test_every_page_is_drawn_without_complaint_in_its_width_and_readable(site: Any, browser: Any, role: str) -> None:
    browser.log_in(site.people[role])
    for path in _pages(site) if role != "newcomer" else ["/admin/", *(f"/admin/{name}/" for name in LISTS)]:
        _looked_at(browser, path)
    if role == "auditor":
        _looked_at(browser, "/admin/tenant/")
    assert browser.complaints == []


@pytest.mark.parametrize("browser", ["light"], indirect=True)
@pytest.mark.parametrize("role", sorted(MENU))
def test_the_menu_holds_what_leads_somewhere_and_no_heading_without_an_entry(
    site: Any, browser: Any, role: str
) -> None:
    browser.log_in(site.people[role])
    entries = browser.page.locator("#nav-sidebar-apps a:visible")
    assert {text.split("\n")[-1].strip() for text in entries.all_inner_texts()} == MENU[role]
    headings = browser.page.locator("#nav-sidebar-apps h2:visible").all_inner_texts()
    assert ("Access" in headings) == (role in ("admin", "auditor"))


def test_somebody_of_several_tenants_chooses_one_and_goes_to_the_other_by_the_header(site: Any, browser: Any) -> None:
    page = browser.page
    browser.log_in(site.people["several"])
    assert page.url.endswith("/admin/tenant/")
    assert page.evaluate(CONTRAST) == []
    page.click("button:has-text('A second tenant')")
    page.wait_for_url("**/admin/")
    _looked_at(browser, "/admin/jobs/job/")
    assert "A second tenant" in page.locator("a.console-place").inner_text()
    page.set_viewport_size({"width": 390, "height": 800})
    _looked_at(browser, "/admin/jobs/job/")
    page.click("a.console-place")
    page.click("button:has-text('T t-')")
    page.wait_for_url("**/admin/")
    assert page.locator(".console-place-name").inner_text() == "T"


@pytest.mark.parametrize("browser", ["light"], indirect=True)
def test_a_refusal_says_what_is_missing(site: Any, browser: Any) -> None:
    browser.log_in(site.people["viewer"])
    answer = browser.page.goto(f"{site.url}/admin/jobs/job/add/")
    assert answer.status == 403
    assert browser.page.locator("text=it comes with the role editor").is_visible()
    browser.complaints.clear()  # the browser notes that the page was refused
