"""``ETag`` on answers, ``If-Match`` and ``If-None-Match`` on requests that change something.

The view asks for the row it is about to change by :meth:`Conditional.held`. That locks it before its tag is compared,
and a request is one transaction: of two editors who read the same version, only one changes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import errors
from tenants.api.errors import InvalidHeader
from tenants.api.views import ApiViewSet
from tenants.rules import etags
from tenants.rules.etags import Precondition

_TEXT = {"type": "string"}
IF_MATCH = OpenApiParameter(
    "If-Match",
    _TEXT,
    OpenApiParameter.HEADER,
    description="Carried out only if this is still its ETag; else 412 ETAG_MISMATCH. Several by commas, or * for any.",
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", _TEXT, OpenApiParameter.HEADER, description="With *: create it, and refuse if it is there (412)."
)


class Conditional(ApiViewSet):
    """Of views whose rows have tags; :meth:`tag_of`, :meth:`lock` and :meth:`facts_of` say of which kind they are."""

    #: Actions that change no row with a tag, so that no condition is read.
    unconditional: ClassVar[frozenset[str]] = frozenset()

    def tag_of(self, row: Any) -> str:
        """The tag of a row as it is stored."""
        raise NotImplementedError

    def lock(self, row: Any) -> Any:
        """The row as it is stored now; nobody else changes it before the request ends."""
        raise NotImplementedError

    def facts_of(self, row: Any) -> Mapping[str, Any]:
        """What a refused editor is told of the row, beside its tag."""
        raise NotImplementedError

    def held(self, *, anyhow: bool = False) -> Any:
        """The row the path names, locked and as the request's condition says; just the row, if there is none.

        ``anyhow`` locks it in any case.
        """
        expected, row = condition(self.request), self.row()
        if expected or anyhow:
            row = self.lock(row)
            self.require(expected, row)
        return row

    def require(self, expected: Precondition, row: Any) -> None:
        """Refuse a row that is not as a condition says."""
        tag = self.tag_of(row)
        if not expected.holds(tag):
            raise errors.EtagMismatch(details={"etag": tag, **self.facts_of(row)})

    def tagged(self, response: Response, row: Any) -> Response:
        """An answer that shows a row, with the row's tag."""
        response["ETag"] = self.tag_of(row)
        return response

    def declared_headers(self) -> list[OpenApiParameter]:
        """What the current action understands, for the OpenAPI document."""
        if self.request.method == "GET" or not self.detail or self.action in self.unconditional:
            return []
        return [IF_MATCH, IF_NONE_MATCH] if self.request.method == "PUT" else [IF_MATCH]


def condition(request: Request) -> Precondition:
    """What a request's headers ask for; ``If-None-Match`` of PUT alone. Raises :class:`InvalidHeader`."""
    names = ("If-Match", "If-None-Match") if request.method == "PUT" else ("If-Match",)
    return Precondition(*(_tags(request, name) for name in names))


def _tags(request: Request, name: str) -> etags.Tags | None:
    try:
        return etags.parse(request.headers.get(name))
    except etags.MalformedTags as error:
        raise InvalidHeader.about(name, str(error)) from None
