"""What may be done, in one vocabulary: a key's scopes, a member's role and a platform role all come down to these words."""

from __future__ import annotations

from collections.abc import Collection, Mapping

#: All of one tenant's: includes every other word but ``platform``.
ADMIN = "admin"
#: For what belongs to the installation and to no tenant. No other word includes it, and only the platform's
#: administrators give it.
PLATFORM = "platform"
#: For the keys of executors: to register, and to claim and run what is for them. Nothing else asks for it, and no role of a
#: person's but the administrator's has it.
EXECUTORS = "executors:serve"
#: What whoever is known may do: look at themselves.
ANYBODY = ""
#: What a tenant's own administrator can give.
OF_TENANTS = (
    "jobs:read",
    "jobs:write",
    "executions:run",
    "executions:read",
    "logs:read",
    "payloads:read",
    "secrets:write",
    "audit:read",
    EXECUTORS,
    ADMIN,
)

_VIEWER = frozenset({"jobs:read", "executions:read", "logs:read"})
_RUNNER = _VIEWER | {"executions:run", "payloads:read"}
_EDITOR = _RUNNER | {"jobs:write", "secrets:write"}
#: Of members, by role. Payloads and results may hold what only those who work with them should see.
OF_ROLES: Mapping[str, frozenset[str]] = {
    "viewer": _VIEWER,
    "runner": _RUNNER,
    "editor": _EDITOR,
    "admin": frozenset({ADMIN}),
}
#: Who looks at every tenant and changes nothing; what was run with which data is not theirs to see.
AUDITOR = frozenset({"jobs:read", "executions:read", "audit:read"})
SUPERADMIN = frozenset({ADMIN, PLATFORM})


def allows(granted: Collection[str], needed: str) -> bool:
    """Whether whoever was granted these words may do what asks for ``needed``."""
    return needed == ANYBODY or needed in granted or (ADMIN in granted and needed != PLATFORM)


def roles_with(needed: str) -> list[str]:
    """The roles in a tenant that may do it, the least first; none for what is the platform's."""
    return [role for role, granted in OF_ROLES.items() if allows(granted, needed)]


def covers(granted: Collection[str], role: str) -> bool:
    """Whether whoever was granted these words may do all that comes with ``role``: nobody gives more than they have."""
    return all(allows(granted, word) for word in OF_ROLES[role])
