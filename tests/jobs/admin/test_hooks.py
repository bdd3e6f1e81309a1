"""Hooks and events at the console: an address shown once, and why nothing matched."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from tests.support import console as support
from tests.support import rows
from tests.support.console import Console


def _make(console: Console, tenant: UUID, **fields: Any) -> Any:
    given = {
        "tenant": tenant,
        "name": "shop",
        "event": "order.paid",
        "scheme": "standard",
        "headers": "X-Shop",
        **fields,
    }
    answer = console.client.post(support.url("jobs_hook_add"), given)
    assert answer.status_code == 200, support.problems(answer)
    return answer


def test_address_and_secret_are_shown_on_one_page_only(console: Console) -> None:
    tenant = rows.tenant()
    shown = _make(console, tenant)
    address, secret = shown.context["address"], shown.context["secret"]
    assert address in shown.content.decode()
    assert secret.startswith("whsec_")
    hook = rows.fetch("SELECT id FROM hook WHERE tenant_id = %s", tenant)[0][0]
    page = console.page("jobs_hook_change", hook)
    assert "order.paid" in page
    assert "x-shop" in page
    assert not {text for text in (address.rsplit("/", 1)[1], secret) if text in page}


@pytest.mark.parametrize(("button", "shown"), [("rotate_secret", {"secret"}), ("rotate_token", {"address"})])
def test_what_is_rotated_is_shown_once_and_nothing_else(console: Console, button: str, shown: set[str]) -> None:
    tenant = rows.tenant()
    _make(console, tenant)
    hook = rows.fetch("SELECT id FROM hook WHERE tenant_id = %s", tenant)[0][0]
    answer = console.press(f"jobs_hook_{button}", hook, hours=1)
    assert {name for name in ("address", "secret") if answer.context[name]} == shown


def test_a_hook_is_changed_disabled_enabled_and_deleted(console: Console) -> None:
    hook = support.hook(rows.tenant())
    console.pressed("jobs_hook_edit", hook, event="order.refunded", headers="X-A\nX-B", description="d")
    console.pressed("jobs_hook_disable", hook)
    stored = rows.fetch("SELECT event, headers, enabled FROM hook WHERE id = %s", hook)
    assert stored == [("order.refunded", ["x-a", "x-b"], False)]
    console.pressed("jobs_hook_enable", hook)
    console.pressed("jobs_hook_delete", hook)
    assert rows.fetch("SELECT 1 FROM hook WHERE id = %s", hook) == []


def test_a_bad_hook_is_refused_beside_its_field(console: Console) -> None:
    given = {"tenant": rows.tenant(), "name": "shop", "event": "a b", "scheme": "github", "headers": ""}
    answer = console.client.post(support.url("jobs_hook_add"), given)
    assert list(answer.context["form"].errors) == ["event"]


def test_a_page_says_why_an_event_started_nothing(console: Console) -> None:
    job = rows.job(rows.tenant())
    schedule = rows.schedule(job, kind="event", expression="", event="order.paid", event_filter="event.payload.n > 2")
    hook = support.hook(job[1])
    event = support.received_event(job[1], schedule, job, hook_id=hook)
    refused = support.received_event(
        job[1], schedule, job, hook_id=hook, outcome="refused", problem="no <b>good</b>", left_out="[]"
    )
    said = support.text_of(console.page("jobs_receivedevent_change", event))
    assert "none of them took this one" in said
    assert "its filter does not take it" in said
    page = console.page("jobs_hook_change", hook)
    assert "its filter does not take it" in page
    assert "no &lt;b&gt;good&lt;/b&gt;" in page
    assert "It was not let in" in console.page("jobs_receivedevent_change", refused)
    listed = console.client.get(support.url("jobs_receivedevent_changelist"), {"name": "order.paid"})
    assert str(event) in listed.content.decode()
    told = support.text_of(console.page("jobs_schedule_change", schedule))
    assert "t waits for the event order.paid" in told
    assert "event.payload.n &gt; 2" in console.page("jobs_schedule_change", schedule)
