"""Joining a tenant in a real browser: from the console's form to the page where somebody sets a password."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest

from tests.support.console import PATIENCE

pytestmark = pytest.mark.needs("chromium")

CONTRAST = (Path(__file__).parent / "contrast.js").read_text()


def _fits(page: Any) -> None:
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    assert page.evaluate(CONTRAST) == []


def test_somebody_is_invited_follows_the_link_and_joins(site: Any, browser: Any, chromium: Any) -> None:
    page, email = browser.page, f"{secrets.token_hex(4)}@example.com"
    browser.open(f"/admin/tenants/invitation/add/?tenant={site.furniture['tenants.tenant']}")
    page.fill("input[name=email]", email)
    page.select_option("select[name=role]", "editor")
    page.click("button:has-text('Invite')")
    link = page.locator("input.console-secret").input_value()
    theme = page.evaluate("localStorage.getItem('adminTheme')")

    stranger = chromium.new_context(viewport={"width": 1280, "height": 900})
    stranger.add_init_script(f"localStorage.setItem('adminTheme', {theme!r})")
    stranger.set_default_timeout(PATIENCE)
    joining = stranger.new_page()
    joining.goto(link)
    assert email in joining.content()
    _fits(joining)
    joining.fill("input[name=password]", "short")
    joining.click("button:has-text('Join')")
    joining.wait_for_selector("text=too short")
    _fits(joining)
    joining.fill("input[name=password]", "a good long password")
    joining.click("button:has-text('Join')")
    joining.wait_for_selector("text=You are a member")
    _fits(joining)
    assert joining.goto(link).status == 404
    joining.wait_for_selector("text=This link is void")
    _fits(joining)
    stranger.close()

    browser.open(f"/admin/tenants/membership/?q={email}")
    assert page.locator("#result_list tbody tr").count() == 1


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_apis_docs_are_read_in_the_readers_theme_and_come_from_here_alone(
    site: Any, chromium: Any, theme: Any, tmp_path: Path
) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, color_scheme=theme)
    context.set_default_timeout(PATIENCE)
    page, asked, complaints = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{site.url}/api/v1/docs")
    page.wait_for_selector("text=Who asks.")
    page.click("#operations-tag-jobs")
    page.wait_for_selector("#operations-jobs-jobs_trigger_create")
    page.screenshot(path=tmp_path / f"docs-{theme}.png")
    assert complaints == []
    assert all(url.startswith((site.url, "data:")) for url in asked), asked
    assert page.evaluate("document.documentElement.classList.contains('dark-mode')") == (theme == "dark")
    shade = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)")
    assert (sum(shade) < 200) == (theme == "dark"), shade
    context.close()
