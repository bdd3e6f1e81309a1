"""What each action may refuse, for the description: told from the very classes that are raised.

A view declares what is its own, by action::

    refusals = {"create": (errors.Conflict, QuotaExceeded)}

What any route may answer is added here by what the route is: whether it asks who it is, reads a body, has pages.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from drf_spectacular.utils import OpenApiParameter

from tenants import actors, errors, known_keys, limits, reservations
from tenants.api.errors import InvalidCursor, InvalidHeader, PayloadTooLarge, UnknownParameter
from tenants.api.parameters import Parameter
from tenants.errors import ServiceError

#: Of which nothing is known but that they have a body.
WITH_BODY = {"POST", "PUT", "PATCH"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A status, its code, and in a sentence what it says."""

    status: int
    code: str
    says: str


def of(error: type[ServiceError]) -> Refusal:
    """What an error's class says of itself."""
    return Refusal(error.status, error.code, (error.__doc__ or "").splitlines()[0])


#: Any request at all may be answered like this.
ANYWHERE = (
    Refusal(400, "BAD_REQUEST", "Nothing can be served for this host name or these headers."),
    of(UnknownParameter),
    Refusal(406, "NOT_ACCEPTABLE", "Only the content types named here are answered: see Accept."),
    of(errors.Invalid),
    of(limits.RateLimited),
    Refusal(500, "INTERNAL", "A defect of ours: the request's id is in the server's log."),
    of(errors.Unavailable),
)
GUARDED = tuple(
    of(error)
    for error in (
        errors.Unauthenticated,
        errors.KeyExpired,
        actors.MissingPermission,
        errors.TenantSuspended,
        known_keys.AddressRefused,
        errors.NotFound,
    )
)
OF_BODIES = (
    Refusal(400, "INVALID_JSON", "The body is not JSON, or nested too deeply."),
    Refusal(400, "UNKNOWN_FIELD", "The body has a field that does not exist here."),
    of(PayloadTooLarge),
    Refusal(415, "UNSUPPORTED_MEDIA_TYPE", "The body must be application/json."),
)
REPEATED = (of(reservations.InProgress), of(reservations.KeyReused))
CONDITIONAL = (of(errors.EtagMismatch), of(InvalidHeader))


class Refusing(Protocol):
    """What is asked of a view."""

    action: str | None
    refusals: Mapping[str, Collection[type[ServiceError]]]

    def declared_parameters(self) -> tuple[Parameter, ...]:
        """The query parameters of the current action."""

    def declared_headers(self) -> list[OpenApiParameter]:
        """The headers by which it is carried out only if something holds."""

    def takes_keys(self) -> bool:
        """Whether it may be repeated under a key."""


def of_action(view: Refusing, method: str, *, guarded: bool) -> Mapping[int, Mapping[str, str]]:
    """By status and code, what the view's current action may refuse."""
    own = [of(error) for error in view.refusals.get(view.action or "", ())]
    paged = any(parameter.name == "cursor" for parameter in view.declared_parameters())
    return _sorted(
        [
            *ANYWHERE,
            *(GUARDED if guarded else ()),
            *(OF_BODIES if method in WITH_BODY else ()),
            *((of(InvalidCursor),) if paged else ()),
            *(REPEATED if method == "POST" and view.takes_keys() else ()),
            *(CONDITIONAL if view.declared_headers() else ()),
            *own,
        ]
    )


def _sorted(known: Iterable[Refusal]) -> Mapping[int, Mapping[str, str]]:
    found: dict[int, dict[str, str]] = defaultdict(dict)
    for refusal in sorted(known, key=lambda each: (each.status, each.code)):
        found[refusal.status].setdefault(refusal.code, refusal.says)
    return found
