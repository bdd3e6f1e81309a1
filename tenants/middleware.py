"""Django middleware: request ids, and one transaction per request with the right tenant in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse

from tenants import actors, context, errors, limits, requests

GetResponse = Callable[[HttpRequest], HttpResponse]


class RequestIdMiddleware:
    """Gives each request an id, echoed as X-Request-Id; takes the caller's if it is sane.

    Notes X-Audit-Reason as well, for whatever the request changes.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with requests.serving(request) as request_id:
            response = self._refuse_or_answer(request)
            response["X-Request-Id"] = request_id
            return response

    def _refuse_or_answer(self, request: HttpRequest) -> HttpResponse:
        try:
            requests.because(requests.reason_of(request))
        except ValueError as error:
            return errors.answer(errors.Invalid(str(error), details={"X-Audit-Reason": [str(error)]}))
        return self.get_response(request)


class RateLimitHeaders:
    """Tells each answer's reader how much of the tightest limit is left, if anything was counted."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        limits.begin()
        response = self.get_response(request)
        for name, value in limits.headers().items():
            response[name] = value
        return response


def outside_transaction(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Mark a view that opens its own transactions, or none."""
    view.outside_transaction = True  # type: ignore[attr-defined]
    return view


class TransactionMiddleware:
    """Runs each view in one transaction, so that the tenant set inside it holds for all it reads and writes.

    ATOMIC_REQUESTS would do the same but refuses async views. An answer of 4xx or 5xx rolls back:
    nothing is half stored. The last of the middleware, so nothing but the view runs inside.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        if getattr(view, "outside_transaction", False):
            return None
        try:
            with context.within(context.NOBODY), transaction.atomic():
                return _serve(request, view, args, kwargs)
        except (OperationalError, InterfaceError):
            return errors.answer(errors.Unavailable())


def _serve(
    request: HttpRequest, view: Callable[..., HttpResponse], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> HttpResponse:
    match = request.resolver_match
    if match is not None and match.app_name == "admin" and request.user.is_authenticated:
        actor = actors.platform(request.user) or replace(requests.ANONYMOUS, name=f"user:{request.user.email}")
        requests.known_as(actor)
        if actor.of_platform:
            context.enter(context.Scope(platform=True))
    response = view(request, *args, **kwargs)
    if isinstance(response, SimpleTemplateResponse) and not response.is_rendered:
        response.render()  # a template's queries belong in the transaction too
    if response.status_code >= 400:
        transaction.set_rollback(True)
    return response
