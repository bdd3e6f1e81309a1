"""Which queues and job types a tenant's jobs may name."""

from __future__ import annotations

from collections.abc import Collection


def refusal(name: str, allowed: Collection[str]) -> str:
    """Why ``name`` is not to be had; empty if it is. Nothing granted by name means all."""
    if not allowed or name in allowed:
        return ""
    return f"{name} is not granted to this tenant: choose one of {', '.join(sorted(allowed))}, or ask the platform's operators for it"
