"""Each way of reading the trail goes by an index: among many tenants' rows it touches its own page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction

from tenants import context
from tenants.models import AuditEvent, AuditSeal
from tenants.rules import ids
from tests.support import logins, rows

TENANT = uuid4()
#: 60,000 rows of 60 tenants and 40 actors; one of a hundred is of another kind than its neighbours.
FILL = """INSERT INTO audit_event (id, tenant_id, at, actor, action, object_type, object_id, changes, reason, request_id)
    SELECT carillon_child_id(carillon_floor_id(at), n::text), tenant, at, 'key:' || n %% 40,
        CASE WHEN n %% 100 = 0 THEN 'queue.paused' ELSE 'job.updated' END, CASE WHEN n %% 100 = 0 THEN 'queue' ELSE 'job' END,
        'object ' || n %% 5000, '{}', '', 'request ' || n
    FROM (SELECT n, now() - n * interval '1 second' AS at,
            CASE WHEN n %% 60 = 7 THEN %s::uuid ELSE ('00000000-0000-0000-0000-0000000000' || 10 + n %% 60)::uuid END AS tenant
        FROM generate_series(1, 60000) n) given"""
SEALS = """INSERT INTO audit_seal (number, event_id, tenant_id, position, previous_seal, seal, previous_link, link, key_id, sealed_at)
    SELECT row_number() OVER (ORDER BY id), id, tenant_id, row_number() OVER (PARTITION BY tenant_id ORDER BY id), '', '', '', '', '', at
    FROM audit_event"""


@pytest.fixture(scope="module", autouse=True)
def _many_rows() -> Iterator[None]:
    logins.empty()
    rows.change("SET session_replication_role = replica")
    rows.change(FILL, TENANT)
    rows.change(SEALS)
    rows.change("RESET session_replication_role")
    rows.change("ANALYZE audit_event, audit_seal")
    yield
    rows.change("SET session_replication_role = replica")
    rows.change("DELETE FROM audit_event; DELETE FROM audit_seal")
    rows.change("RESET session_replication_role")
    rows.change("ANALYZE audit_event, audit_seal")


def since() -> dict[str, Any]:
    at = rows.now() - timedelta(hours=2)
    return {"at__gte": at, "id__gte": ids.floor_id(at)}


#: What is asked for → by which of the indexes it may be found.
FILTERS: dict[str, tuple[Any, set[str]]] = {
    "nothing": (dict, {"audit_event_recent"}),
    "actor": (lambda: {"actor": "key:7"}, {"audit_event_by_actor", "audit_event_recent"}),
    "action": (lambda: {"action": "job.updated"}, {"audit_event_of_action", "audit_event_recent"}),
    "rare action": (lambda: {"action": "queue.paused"}, {"audit_event_of_action"}),
    "kind": (lambda: {"object_type": "queue"}, {"audit_event_of_type"}),
    "object": (lambda: {"object_type": "job", "object_id": "object 7"}, {"audit_event_of_object"}),
    "request": (lambda: {"request_id": "request 7"}, {"audit_event_of_request"}),
    "time": (since, {"audit_event_recent"}),
    "action and time": (lambda: {"action": "queue.paused", **since()}, {"audit_event_of_action"}),
}


def nodes(query: Any) -> list[dict[str, Any]]:
    """The parts of a plan that read a table, as it ran."""
    (told,) = json.loads(query.explain(format="json", analyze=True))
    found, left = [], [told["Plan"]]
    while left:
        node = left.pop()
        left += node.get("Plans", [])
        if "Index Name" in node or "Relation Name" in node:
            found.append(node)
    return found


def read(node: dict[str, Any]) -> int:
    return int((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("tenant", [TENANT, None], ids=["a tenant's", "everybody's"])
def test_a_page_of_the_list_is_found_by_an_index(name: str, tenant: UUID | None) -> None:
    conditions, expected = FILTERS[name]
    scope = context.Scope(tenant_id=tenant) if tenant else context.PLATFORM
    with context.within(scope), transaction.atomic():
        chosen = AuditEvent.objects.filter(**conditions())
        chosen = chosen.filter(tenant_id=tenant) if tenant else chosen
        found = nodes(chosen.order_by("-id").values_list("id")[:51])
    assert "Seq Scan" not in {node["Node Type"] for node in found}
    used = {node["Index Name"] for node in found if "Index Name" in node}
    if tenant:
        assert used & expected, used
    # Never more than a small part of the 60,000: a page, a tenant's, an actor's, or what a rare word leaves.
    assert sum(map(read, found)) < 4000, found


SEAL_READS = {
    "head": (lambda: AuditSeal.objects.order_by("-number")[:1], "audit_seal_pkey", 1),
    "head of a tenant": (
        lambda: AuditSeal.objects.filter(tenant_id=TENANT).order_by("-position")[:1], "audit_seal_of_tenant", 1,
    ),
    "seals of rows": (
        lambda: AuditSeal.objects.filter(event_id__in=list(AuditEvent.objects.values_list("id", flat=True)[:50])),
        "audit_seal_event_id_key", 50,
    ),
    "a page of the chain": (
        lambda: AuditSeal.objects.filter(number__gt=30_000).order_by("number")[:500], "audit_seal_pkey", 500,
    ),
    "a page of a tenant's": (
        lambda: AuditSeal.objects.filter(tenant_id=TENANT, position__gt=100).order_by("position")[:500],
        "audit_seal_of_tenant", 1000,  # no more than the tenant has
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SEAL_READS)
@pytest.mark.usefixtures("as_engine")
def test_sealing_and_verifying_read_seals_by_their_keys(name: str) -> None:
    query, index, most = SEAL_READS[name]
    with transaction.atomic():
        found = nodes(query())
    assert {node["Index Name"] for node in found if "Index Name" in node} == {index}
    assert max(map(read, found)) <= most
