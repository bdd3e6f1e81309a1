"""Who accepts the file that a route answers with accepts the answer, although it is no JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

if TYPE_CHECKING:  # DRF's views load this class while they are being loaded themselves
    from rest_framework.views import APIView


class Negotiation(DefaultContentNegotiation):
    """As DRF's; ``answers_files`` of a view are content types by action, whose refusals are JSON all the same."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> Any:
        known = [*renderers]
        try:
            return super().select_renderer(request, known, format_suffix)
        except NotAcceptable:
            if not self._accepts_a_file(request):
                raise
            return known[0], known[0].media_type

    def _accepts_a_file(self, request: Request) -> bool:
        view: APIView = request.parser_context["view"]
        files = getattr(view, "answers_files", {}).get(getattr(view, "action", None), ())
        accepted = {each.partition(";")[0].strip() for each in self.get_accept_list(request)}
        kinds = {kind for name in files for kind in (name, f"{name.partition('/')[0]}/*")}
        return bool(accepted & kinds)
