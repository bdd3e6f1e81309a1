"""Merging a patch, making one, and telling what it changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tenants.rules.audit_chain import canonical


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same. Python alone would take true for 1."""
    return canonical(one) == canonical(other)


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396: objects are merged, null removes, anything else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def patch_between(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The merge patch (RFC 7396) that makes ``new`` of ``old``."""
    patch: dict[str, Any] = {name: None for name in old if name not in new}
    for name, value in new.items():
        if name in old and same(old[name], value):
            continue
        before = old.get(name)
        patch[name] = patch_between(before, value) if isinstance(value, dict) and isinstance(before, dict) else value
    return patch


def between(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """For the audit trail: [old, new] by field.

    Of a payload only the names of what changed: it may hold what not everybody who may audit may
    see, and revisions keep it in full.
    """
    changed = {name: [before.get(name), value] for name, value in after.items() if not same(before.get(name), value)}
    if "payload" in changed:
        old, new = (value or {} for value in changed["payload"])
        changed["payload"] = sorted(key for key in {*old, *new} if not same(old.get(key), new.get(key)))
    return changed


def kept(before: Mapping[str, Any], job_type: str, payload: Mapping[str, Any]) -> set[str]:
    """The fields of a job's payload that are as they were; none if it was of another type."""
    if job_type != before["type"]:
        return set()
    return {
        name for name, value in payload.items() if name in before["payload"] and same(before["payload"][name], value)
    }
