"""``/health``, ``/health/live``, ``/health/ready`` and ``/metrics``: for probes and scrapers, outside the API."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from monitoring import health as watch
from monitoring import metrics as measure
from tenants import errors
from tenants.middleware import outside_transaction

Probe = Callable[[HttpRequest], HttpResponse]
_registry = measure.registry()


class MethodNotAllowed(errors.ServiceError):
    """Only GET is answered here."""

    code = "METHOD_NOT_ALLOWED"
    status = 405


class NotReady(errors.Unavailable):
    """Requests cannot be served yet: the database does not answer, or lacks migrations."""

    code = "NOT_READY"


class NotHere(errors.ServiceError):
    """Metrics are served to this machine only: set CARILLON_METRICS_TOKEN to read them from elsewhere."""

    code = "REFUSED"
    status = 403


def _probe(view: Probe) -> Probe:
    """GET only, never cached, in no transaction but its own, refusals in the envelope."""

    @wraps(view)
    def answer(request: HttpRequest) -> HttpResponse:
        try:
            if request.method not in ("GET", "HEAD"):
                raise MethodNotAllowed
            return view(request)
        except errors.ServiceError as error:
            return errors.answer(error)

    probe: Probe = csrf_exempt(never_cache(answer))
    outside_transaction(probe)
    return probe


@_probe
def health(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django's signature, here and below
    """Every part, and 503 if one does not do its work."""
    checks = watch.checks()
    well = all(check["ok"] for check in checks.values())
    return JsonResponse({"status": "ok" if well else "failing", "checks": checks}, status=200 if well else 503)


@_probe
def live(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """This process answers. Nothing else is looked at, so a restart is asked for only if it would help."""
    return JsonResponse({"status": "ok"})


@_probe
def ready(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Requests can be served."""
    if not watch.is_ready():
        raise NotReady
    return JsonResponse({"status": "ok"})


@_probe
def metrics(request: HttpRequest) -> HttpResponse:
    """For Prometheus."""
    _refuse_strangers(request)
    try:
        return HttpResponse(generate_latest(_registry), content_type=CONTENT_TYPE_LATEST)
    except (OperationalError, InterfaceError):
        raise errors.Unavailable from None


def _refuse_strangers(request: HttpRequest) -> None:
    if settings.METRICS_TOKEN:
        sent = request.headers.get("Authorization", "")
        if not hmac.compare_digest(sent.encode(), f"Bearer {settings.METRICS_TOKEN}".encode()):
            raise errors.Unauthenticated("send the token of CARILLON_METRICS_TOKEN as Authorization: Bearer")
    elif not _from_this_machine(request):
        raise NotHere


def _from_this_machine(request: HttpRequest) -> bool:
    """Behind a proxy on this machine everybody comes from loopback; proxies say so in a header."""
    if {"X-Forwarded-For", "Forwarded"} & set(request.headers):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
