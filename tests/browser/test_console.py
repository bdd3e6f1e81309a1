"""The console in a real browser, in both themes."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.needs("chromium")

CONTRAST = (Path(__file__).parent / "contrast.js").read_text()
TELEPHONE, DESK = {"width": 390, "height": 800}, {"width": 1280, "height": 900}
ONE_THEME = pytest.mark.parametrize("browser", ["light"], indirect=True)


def _pages(site: Any) -> list[str]:
    """Every page of the console that has one, and those that are other pages with a query."""
    job, secret, tenant = (site.furniture[label] for label in ("jobs.job", "tenants.secret", "tenants.tenant"))
    return [
        *site.pages,
        "/admin/tenants/secret/add/?kind=text",
        "/admin/tenants/secret/add/?kind=postgresql",
        "/admin/tenants/secret/add/?kind=sftp",
        f"/admin/tenants/secret/{secret}/new_version/",
        f"/admin/jobs/job/graph/?job={job}",
        f"/admin/jobs/execution/bulk/?action=cancel&job__id__exact={job}",
        f"/admin/jobs/execution/bulk/?action=replay&job__id__exact={job}",
        f"/admin/jobs/execution/failures/?tenant={tenant}",
        f"/admin/jobs/execution/failures/retry/?tenant={tenant}&fingerprint=f",
        "/admin/tenants/auditevent/export/?actor=system",
    ]


def _sideways(page: Any) -> int:
    """How far the page can be scrolled sideways."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def _faults(browser: Any, path: str) -> Iterator[str]:
    """What is wrong with a page. It is drawn once and takes on the other theme where it is, which costs half of drawing it twice."""
    page = browser.page
    browser.open(path)
    if not page.locator("h1").first.is_visible():
        yield "has no heading"
    for theme in ("dark", "light"):
        page.evaluate("theme => document.documentElement.classList.toggle('dark', theme === 'dark')", theme)
        yield from (f"{theme}: {text} stands out by {ratio}" for text, ratio in page.evaluate(CONTRAST))
    for name, width in (("a telephone", TELEPHONE), ("a desk", DESK)):
        page.set_viewport_size(width)
        if beyond := _sideways(page):
            yield f"scrolls sideways by {beyond} on {name}"
    yield from browser.complaints
    browser.complaints.clear()


@ONE_THEME
def test_every_page_is_drawn_without_complaint_in_its_width_and_readable(site: Any, browser: Any) -> None:
    browser.page.emulate_media(reduced_motion="reduce")  # colours change at once
    assert [f"{path}: {fault}" for path in _pages(site) for fault in _faults(browser, path)] == []


def test_a_page_wears_the_theme_that_was_chosen(browser: Any, request: pytest.FixtureRequest) -> None:
    browser.open("/admin/")
    is_dark = browser.page.evaluate("document.documentElement.classList.contains('dark')")
    assert is_dark is ("dark" in request.node.name)


def test_run_now_goes_through_its_dialog_to_the_new_execution(site: Any, browser: Any) -> None:
    page, job = browser.page, site.furniture["jobs.job"]
    browser.open(f"/admin/jobs/job/{job}/change/")
    page.click("#header-inner >> text=Run now")
    page.wait_for_selector("#modal-content[role=dialog] textarea:focus")
    page.fill("#dialog textarea", '{"nonsense": true}')
    page.click("#dialog button[type=submit]")
    page.wait_for_selector("#dialog >> text=payload.nonsense: unknown field")
    page.fill("#dialog textarea", '{"duration_seconds": 1}')
    page.click("#dialog button[type=submit]")
    page.wait_for_url("**/admin/jobs/execution/*/change/")
    assert page.locator(".standing >> text=scheduled").is_visible()
    assert "duration_seconds" in page.locator("#live").inner_text()
    new = page.url
    browser.open(f"/admin/jobs/job/{job}/change/")
    assert page.locator(f"a[href='{new.removeprefix(site.url)}']").is_visible()


@ONE_THEME
def test_a_dialog_is_left_by_escape_and_the_focus_returns(site: Any, browser: Any) -> None:
    page = browser.page
    browser.open(f"/admin/jobs/job/{site.furniture['jobs.job']}/change/")
    page.focus("#header-inner a:has-text('Pause')")
    page.keyboard.press("Enter")
    page.wait_for_selector("#dialog button[type=submit]:focus")
    page.keyboard.press("Escape")
    page.wait_for_selector("#dialog", state="hidden")
    page.wait_for_function("() => document.activeElement.textContent.includes('Pause')")


def test_a_queue_is_made_throttled_let_go_and_deleted(site: Any, browser: Any) -> None:
    page, name = browser.page, f"q-{secrets.token_hex(4)}"
    browser.open("/admin/jobs/queue/add/")
    page.fill("input[name=name]", name)
    page.click("form.panel button[type=submit]")
    page.wait_for_url(f"**/admin/jobs/queue/{name}/change/")
    assert f"--queues=jobs.{name}" in page.locator("pre").inner_text()
    for button, then in (("Throttle", "at most 1 in flight"), ("End throttle", "is no longer throttled")):
        page.click(f"#header-inner a:has-text('{button}')")
        page.click("#dialog button[type=submit]")
        page.wait_for_selector(f"text={then}")
    assert page.locator("#header-inner a:has-text('End throttle')").count() == 0
    page.click("#header-inner a:has-text('Delete')")
    page.click("#dialog button[type=submit]")
    page.wait_for_url("**/admin/jobs/queue/")
    assert page.locator(f"text=The queue {name} is deleted.").is_visible()


@ONE_THEME
def test_an_ended_execution_is_replayed_through_its_dialog(site: Any, browser: Any) -> None:
    page = browser.page
    former = f"/admin/jobs/execution/{site.furniture['jobs.execution']}/change/"
    browser.open(former)
    page.click("#header-inner >> text=Replay")
    page.wait_for_selector("#modal-content[role=dialog] textarea:focus")
    page.click("#dialog button[type=submit]")
    page.wait_for_function("former => !location.href.endsWith(former)", arg=former)
    assert page.locator(f"#live a[href='{former}']").is_visible()


@ONE_THEME
def test_live_pages_ask_again_until_they_are_paused(browser: Any) -> None:
    page = browser.page
    with page.expect_response(lambda response: response.url.endswith("/admin/")):
        browser.open("/admin/")
    with page.expect_response(lambda response: response.request.headers.get("hx-request") == "true"):
        pass
    page.click("[data-live-switch]")
    assert page.locator("[data-live-word]").inner_text() == "Paused"
    assert page.evaluate("consoleLive()") is False


@ONE_THEME
def test_on_a_telephone_a_page_has_its_name_and_wide_tables_say_that_they_scroll(site: Any, browser: Any) -> None:
    page = browser.page
    page.set_viewport_size(TELEPHONE)
    browser.open(f"/admin/jobs/execution/{site.furniture['jobs.execution']}/change/")
    assert page.evaluate("document.querySelector('.console-crumb').clientWidth") >= 150
    attempts = page.locator("[aria-label=Attempts]")
    assert attempts.get_attribute("data-beyond") == "right"
    attempts.evaluate("part => part.scrollTo(part.scrollWidth, 0)")
    page.wait_for_selector("[aria-label=Attempts][data-beyond=left]")
    page.set_viewport_size(DESK)
    page.wait_for_selector("[aria-label=Attempts]:not([data-beyond])")
    assert page.locator(".scroll-sign:visible").count() == 0
