"""Whether the secrets that a job names are there, and are what is taken where it names them.

It names them in expressions, as connections in its payload, and as channels: one look for all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from jobs import connections
from tenants.models import Secret

#: Texts as well as connections.
ANY: Sequence[str] | None = None
#: By name.
Kinds = Mapping[str, str]


def kinds(tenant: UUID, names: Collection[str]) -> Kinds:
    """Of those that are there."""
    if not names:
        return {}
    return dict(Secret.objects.filter(tenant_id=tenant, name__in=names).values_list("name", "kind"))


def refusal(name: str, known: Kinds, taken: Sequence[str] | None) -> str:
    """What is wrong with a name where these kinds are taken, any connection if there are none; empty for nothing."""
    if name not in known:
        return f"there is no secret named {name}: make it first, or correct the name"
    if taken is ANY or known[name] in (taken or connections.types()):
        return ""
    what = f"taken here is {', '.join(taken)}" if taken else "a connection is taken here"
    return f"the secret {name} is of kind {known[name]}, and {what}: name another"
