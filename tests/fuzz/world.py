"""Who asks, and the ids of what is there, so that not every request meets a 404."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support import actors, belongings

#: What a tenant's limits would refuse before it is looked at; log-ins stay limited.
UNLIMITED = ("key", "tenant", "address", "anonymous", "failed")


@dataclass(frozen=True)
class World:
    """Keys by who has them, and ids by the first part of a path; an operator's are of another tenant."""

    keys: Mapping[str, str]
    ids: Mapping[str, list[str]]
    of_operators: Mapping[str, list[str]]

    def known(self, who: str, path: str) -> list[str]:
        """Ids that mean something in a path."""
        resource = path.removeprefix("/api/v1/").split("/")[0]
        return (self.of_operators if who == "operator" else self.ids).get(resource, [])


def make() -> World:
    """A tenant with one of everything, its administrator and its viewer; an operator; and nobody."""
    admin, operator = actors.owner(), actors.operator()
    keys = {"admin": admin.key, "viewer": actors.teammate(admin).key, "operator": operator.key, "nobody": ""}
    return World(keys, _ids(admin), _ids(actors.owner()))


def _ids(owner: Any) -> dict[str, list[str]]:
    # The newest is the one that is tried; whoever tries keeps their own.
    owner.api.post("/api/v1/api-keys", {"name": "to be tried", "scopes": ["jobs:read"]})
    return {resource: [str(each) for each in known] for resource, known in belongings.of(owner).items()}
