"""``/approvals``: what executions wait for somebody to decide on, and deciding on it."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import errors
from jobs.api.lists import approvals as lists
from jobs.api.shapes.approvals import ApprovalShape, ApproveInput, RejectInput
from jobs.models import Approval
from jobs.services import approvals
from tenants.api.pagination import PAGED
from tenants.api.views import TenantViewSet


class ApprovalViewSet(TenantViewSet):
    """Approvals of this tenant. An execution of a job of type `approval` makes one when it runs."""

    queryset = Approval.objects.select_related("job", "tenant").defer("job__payload", "job__retry")
    serializer_class = ApprovalShape
    noun = "approval"
    read_scope = "executions:read"
    write_scope = "executions:run"
    refusals = dict.fromkeys(("approve", "reject"), (errors.InvalidState, errors.NotForYou))
    listings = {"list": lists.LISTING}
    query_parameters = {"list": (*PAGED, *lists.FILTERS)}

    def list(self, request: Request) -> Response:
        """Approvals, newest first."""
        return self.listed(ApprovalShape, self.get_queryset())

    def retrieve(self, request: Request, id: str) -> Response:
        """One approval."""
        return self.shown(ApprovalShape, self.row())

    @extend_schema(request=ApproveInput)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, id: str) -> Response:
        """Let its execution go on. Of those who decide at once, one does; the others are told what was decided."""
        approval = self.row()
        return self.shown(ApprovalShape, approvals.approve(approval=approval, **self.body(ApproveInput)))

    @extend_schema(request=RejectInput)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, id: str) -> Response:
        """Decide against it, for a reason; its job's `on_reject` says whether its execution fails."""
        approval = self.row()
        return self.shown(ApprovalShape, approvals.reject(approval=approval, **self.body(RejectInput)))
