"""The base of every view of the API: one tenant's rows, declared query parameters, one kind of list."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from django.db.models import Model, QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from tenants import authentication, errors
from tenants.api import bodies, expansions, fields, listings, openapi, pagination, parameters, sparse, throttling
from tenants.api.listings import Listing
from tenants.api.negotiation import Negotiation
from tenants.api.parameters import Parameter
from tenants.api.parsers import StrictJSONParser
from tenants.api.repeats import Repeatable
from tenants.models import Tenant

_WITH_BODY = {"POST", "PUT", "PATCH"}


class ApiViewSet(Repeatable, GenericViewSet[Any]):
    """``read_scope`` and ``write_scope`` say what a key needs; ``query_parameters`` what each action takes in its query.

    Lists go by ``keyset``, a unique column, ``-`` for descending, or as ``listings`` say.
    """

    parser_classes = [StrictJSONParser]
    content_negotiation_class = Negotiation
    pagination_class = pagination.KeysetPagination
    metadata_class = None
    schema = openapi.Schema()
    lookup_url_kwarg = "id"
    keyset = "-id"
    #: How the lists of actions are found; others go by ``keyset``.
    listings: ClassVar[Mapping[str, Listing]] = {}
    #: What a row is called in messages.
    noun: ClassVar[str]
    read_scope: ClassVar[str]
    write_scope: ClassVar[str]
    action_scopes: ClassVar[Mapping[str, str]] = {}
    query_parameters: ClassVar[Mapping[str, tuple[Parameter, ...]]] = {}
    #: What an action may refuse beyond what any may, for the description: see tenants.api.refusals.
    refusals: ClassVar[Mapping[str, Collection[type[errors.ServiceError]]]] = {}
    #: The field of a row that its path names.
    named_by: ClassVar[str] = "id"
    #: Content types that actions answer instead of JSON.
    answers_files: ClassVar[Mapping[str, Collection[str]]] = {}
    #: Actions that are refused while nothing can be counted; all others are served then.
    must_be_counted: ClassVar[Collection[str]] = ()

    def perform_authentication(self, request: Request) -> None:
        with throttling.guesses_counted(request):
            super().perform_authentication(request)

    def check_permissions(self, request: Request) -> None:
        # Before, not after: a refusal for want of a scope is a request too.
        self.check_throttles(request)
        super().check_permissions(request)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if bodies.receive(request._request) and request.method not in _WITH_BODY:
            self.body(fields.NoFields)
        self.query = parameters.parse(request.query_params, self.declared_parameters())

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(response, Response) and openapi.names_its_row(self) and response.status_code in (201, 202):
            name = quote(str(response.data[self.named_by]), safe="")
            response["Location"] = f"{request.path}/{name}"
        return super().finalize_response(request, response, *args, **kwargs)

    def declared_parameters(self) -> tuple[Parameter, ...]:
        """What the current action takes."""
        return self.query_parameters.get(self.action or "", ())

    def declared_headers(self) -> list[OpenApiParameter]:
        """Which headers it understands beyond those of every request."""
        return []

    @property
    def tenant(self) -> Tenant:
        """Whose rows these are."""
        return authentication.tenant_of(self.request)

    def body(self, shape: type[BaseSerializer[Any]], *, partial: bool = False) -> dict[str, Any]:
        """The request's body, checked."""
        serializer = shape(data=self.request.data, partial=partial, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        checked: dict[str, Any] = serializer.validated_data
        return checked

    def shown(self, shape: type[BaseSerializer[Any]], row: Any, *, status: int = 200) -> Response:
        """One row."""
        return Response(shape(row, context=self.get_serializer_context()).data, status=status)

    def all_shown(self, shape: type[BaseSerializer[Any]], rows: Iterable[Any], *, status: int) -> Response:
        """Every row of a batch, in its order."""
        return Response({"data": shape(rows, many=True, context=self.get_serializer_context()).data}, status=status)

    def listed(self, shape: type[BaseSerializer[Any]], rows: QuerySet[Any], **within: Any) -> Response:
        """A page of rows that match the query, of those ``within``: values by column."""
        self.within = within
        self.asked = sparse.asked(shape, self.query["fields"]) if "fields" in self.query else None
        page: Any = self.paginate_queryset(rows)
        data = expansions.added(self, self.listing().expands, page, self.shown_rows(shape, page))
        return self.get_paginated_response(data)

    def listing(self) -> Listing:
        """How the current action's list is found."""
        return self.listings.get(self.action or "") or listings.by(self.keyset)

    def shown_rows(self, shape: type[BaseSerializer[Any]], page: Any) -> Any:
        """A page as JSON."""
        return sparse.shown(shape, page, self.asked, self.get_serializer_context())

    def conditions(self) -> dict[str, Any]:
        """What the query asks of rows, for ``filter()``."""
        return parameters.conditions(self.query, self.declared_parameters())

    def complete(self, shape: type[BaseSerializer[Any]], rows: Iterable[Any]) -> Response:
        """A list that is never so long that it needs pages."""
        data = [shape(row, context=self.get_serializer_context()).data for row in rows]
        return Response({"data": data, "next_cursor": None})

    def row(self) -> Any:
        """The row the path names. A foreign one is answered like one that never was."""
        row_id = fields.id_of(self.kwargs["id"])
        row = self.get_queryset().filter(pk=row_id).first() if row_id else None
        if row is None:
            raise self.missing()
        return row

    def missing(self) -> errors.NotFound:
        """What to raise when there is no such row."""
        return errors.NotFound(f"there is no such {self.noun} here")


class TenantViewSet(ApiViewSet):
    """Rows of the request's tenant and of nobody else."""

    def get_queryset(self) -> QuerySet[Model]:
        return super().get_queryset().filter(tenant_id=self.tenant.pk)
