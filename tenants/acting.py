"""Code of the installation that does a tenant's work: it says for whom, and what it is called in the audit trail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from tenants import context, errors, requests
from tenants.models import Tenant, TenantState
from tenants.requests import Actor
from tenants.rules import permissions

LONGEST_NAME = 200


@contextmanager
def acting_for(tenant: str, *, name: str) -> Iterator[Tenant]:
    """The tenant of that slug in scope, and ``code:<name>`` acts in it with all of a tenant's rights; then as before.

    Inside an open transaction the block is a savepoint of it, else a transaction of its own: a refusal undoes the block.

    Raises:
        NotFound: there is no such tenant.
        TenantSuspended: nothing of it starts.
        Invalid: the name is none.
    """
    if not (0 < len(name) <= LONGEST_NAME and name.isprintable()):
        raise errors.Invalid.about("by", f"must have 1 to {LONGEST_NAME} printable characters")
    found = _found(tenant)
    actor = Actor(f"code:{name}", frozenset(permissions.OF_TENANTS), found)
    now = requests.current()
    with (
        requests.continued(actor, request_id=now.request_id, reason=now.reason),
        context.within(context.Scope(tenant_id=found.pk)),
        transaction.atomic(),
    ):
        yield found


def _found(slug: str) -> Tenant:
    with context.within(context.PLATFORM), transaction.atomic():
        found = Tenant.objects.filter(slug=slug).first()
    if found is None:
        raise errors.NotFound.about("tenant", "there is no such tenant")
    if found.state != TenantState.ACTIVE:
        raise errors.TenantSuspended(found.suspension_reason)
    return found
