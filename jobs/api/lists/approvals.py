"""Approvals: what they can be asked for, and by which index they are found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jobs import approvals
from jobs.rules.approvals import Standing
from tenants.api import ways
from tenants.api.listings import Listing
from tenants.api.pagination import ordered
from tenants.api.parameters import Parameter, choice, flag
from tenants.api.walks import Order, Way
from tenants.api.ways import Index
from tenants.models import Tenant

ORDERS = {"created_at": Order("created_at", ("id",))}
NEWEST = "-created_at"
INDEXES = (Index(("state",)),)
STATES = {
    "waiting": [Standing.WAITING.value],
    "decided": [each.value for each in Standing if each is not Standing.WAITING],
    **{each.value: [each.value] for each in Standing},
}
FILTERS = (
    ordered(ORDERS, NEWEST),
    choice("state", list(STATES), "Waiting or decided; or how it was decided."),
    flag("mine", "Those that wait and that whoever asks may decide on."),
)


def ways_to(
    tenant: Tenant,
    query: Mapping[str, Any],
    declared: Sequence[Parameter],
    order: Order,  # noqa: ARG001 - there is one alone
    **within: Any,
) -> list[Way]:
    """How the approvals that a query asks for are found."""
    found = ways.wanted(query, declared, within)
    if "state" in query:
        found.any_of("state", STATES[query["state"]])
    if query.get("mine"):
        found.any_of("state", STATES["waiting"])
        found.rest &= approvals.mine(tenant.pk)
    return found.ways(INDEXES)


LISTING = Listing(ORDERS, NEWEST, ways_to)
