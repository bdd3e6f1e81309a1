"""``POST /hooks/{token}``: where others deliver. No key, no cookie, no CSRF: the token and the signature are the permission."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.api.shapes.events import ReceivedEventShape
from jobs.services import deliveries
from tenants import errors
from tenants.api import bodies
from tenants.api.negotiation import Negotiation
from tenants.api.parsers import StrictJSONParser


class Inbound(APIView):
    """Deliveries to hooks. Opens its own transaction: what is refused is kept, and yet refused."""

    authentication_classes = []
    permission_classes = []
    throttle_classes = []
    parser_classes = [StrictJSONParser]
    content_negotiation_class = Negotiation
    metadata_class = None
    schema = None

    def post(self, request: Request, token: str) -> Response:
        """Take one delivery; the answer says what it started, and nothing of what else there is."""
        body = bodies.receive(request._request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        received = deliveries.receive(token=token, headers=headers, body=body, read=lambda: _json(request))
        shown = ReceivedEventShape(received).data
        return Response(
            {name: shown[name] for name in ("id", "name", "outcome", "started", "duplicate_of")}, status=202
        )


def _json(request: Request) -> Any:
    """The body, which has been proven; what cannot be read is the sender's mistake, and kept as such."""
    try:
        return request.data
    except APIException as error:
        raise errors.invalid({"body": [str(error)[:300]]}) from None
