"""From the first page on, every link and every button that is shown leads to a page, for each role."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest

from tests.support import console as support
from tests.support import rows
from tests.support.console import Console

_LINK = re.compile(r'(?:href|hx-get)="([^"#]+)"')
#: What one look at an address with a query tells is the same for each query.
_ONCE = {"before", "after", "state__exact", "hours", "o", "p", "q"}


def _people(tenant: Any) -> dict[str, Any]:
    user = support.person(superuser=False)
    rows.job(tenant, name="their own", owner=user.email)
    return {
        "viewer": support.member(tenant),
        "runner": support.member(tenant, "runner"),
        "own_editor": support.member(tenant, "editor", of=user, own_jobs_only=True),
        "admin": support.member(tenant, "admin"),
        "auditor": support.auditor(),
        "superadmin": support.person(),
        "nobody": support.person(superuser=False),
        "of two": support.member(rows.tenant(), of=support.member(tenant)),
    }


@pytest.mark.usefixtures("empty_database")
@pytest.mark.parametrize(
    "role", ["viewer", "runner", "own_editor", "admin", "auditor", "superadmin", "nobody", "of two"]
)
def test_nothing_that_is_shown_leads_to_a_refusal(role: str) -> None:
    furniture = support.furnish()
    console = Console(_people(furniture["tenants.tenant"])[role])
    seen: dict[str, int] = {}
    ahead = ["/admin/"]
    while ahead:
        address = ahead.pop()
        if _same(address) in seen:
            continue
        answer = console.client.get(address)
        seen[_same(address)] = answer.status_code
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        targets = [answer["Location"]] if answer.status_code == 302 else _LINK.findall(content.decode())
        ahead += [target for target in (urljoin(address, unescape(t)) for t in targets) if _is_of_the_console(target)]
    assert {address: status for address, status in seen.items() if status not in (200, 302)} == {}
    assert len(seen) >= (1 if role in ("nobody", "of two") else 15)


def _same(address: str) -> str:
    path, _, query = address.partition("?")
    names = {part.partition("=")[0] for part in query.split("&") if part}
    return path + "?" * bool(names - _ONCE)


def _is_of_the_console(target: str) -> bool:
    return urlsplit(target).path.startswith("/admin/") and not urlsplit(target).netloc


def test_buttons_of_a_job_are_offered_to_whose_it_is() -> None:
    tenant = rows.tenant()
    user = support.member(tenant, "editor", own_jobs_only=True)
    console = Console(user)
    theirs, other = rows.job(tenant, owner=user.email), rows.job(tenant, owner="bob@example.com")
    for job, is_theirs in ((theirs, True), (other, False)):
        schedule = rows.schedule(job)
        page, of_schedule = console.page("jobs_job_change", job[0]), console.page("jobs_schedule_change", schedule)
        for name in ("pause", "disable", "delete", "throttle", "definition"):
            assert (support.url(f"jobs_job_{name}", job[0]) in page) == is_theirs, name
            assert (console.get(f"jobs_job_{name}", job[0]).status_code == 200) == is_theirs, name
        assert (support.url("jobs_schedule_pause", schedule) in of_schedule) == is_theirs
        assert support.url("jobs_job_run_now", job[0]) in page, "running is no change"
