"""Every route of the web process."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

from jobs.api.approvals import ApprovalViewSet
from jobs.api.artifacts import ArtifactViewSet, ExecutionArtifactViewSet
from jobs.api.calendars import CalendarViewSet
from jobs.api.dead_letters import DeadLetterViewSet
from jobs.api.dependencies import DependencyViewSet
from jobs.api.events import EventViewSet
from jobs.api.executions import ExecutionViewSet
from jobs.api.executors import ExecutorViewSet
from jobs.api.failure_groups import FailureGroupViewSet
from jobs.api.forecast import ForecastViewSet
from jobs.api.hooks import HookViewSet
from jobs.api.inbound import Inbound
from jobs.api.insights import ExecutionInsightViewSet, JobInsightViewSet, ScheduleInsightViewSet, StatsViewSet
from jobs.api.job_templates import TemplateViewSet
from jobs.api.jobs import JobViewSet
from jobs.api.maintenance_windows import MaintenanceWindowViewSet
from jobs.api.operations import OperationViewSet
from jobs.api.platform import CallableViewSet, JobTypeViewSet, WorkerViewSet
from jobs.api.previews import PreviewViewSet
from jobs.api.queues import QueueViewSet
from jobs.api.schedules import ScheduleViewSet
from jobs.api.secrets import ConnectionTypeViewSet, SecretViewSet
from jobs.api.tags import TagViewSet
from jobs.api.tenants import QuotaViewSet, TenantJobsViewSet
from jobs.api.workflow_runs import WorkflowRunViewSet
from monitoring import api as monitoring
from tasks.executors.api import ClaimViewSet, ReportViewSet
from tenants import oidc
from tenants.api.accepting import AcceptViewSet
from tenants.api.api_keys import ApiKeyViewSet
from tenants.api.audit_events import AuditEventViewSet
from tenants.api.auth import SessionViewSet, TokenViewSet
from tenants.api.me import MeViewSet
from tenants.api.members import InvitationViewSet, MemberViewSet
from tenants.api.tenants import TenantsViewSet
from tenants.invitation_page import accept
from tenants.middleware import outside_transaction

api = SimpleRouter(trailing_slash=False, use_regex_path=False)
api.register("jobs", JobViewSet, basename="job")
api.register("job-types", JobTypeViewSet, basename="job-type")
api.register("callables", CallableViewSet, basename="callable")
api.register("schedules", PreviewViewSet, basename="schedule-preview")
api.register("schedules", ScheduleViewSet, basename="schedule")
api.register("maintenance-windows", MaintenanceWindowViewSet, basename="maintenance-window")
api.register("executions", ExecutionViewSet, basename="execution")
api.register("executions", ExecutionArtifactViewSet, basename="execution-artifact")
api.register("artifacts", ArtifactViewSet, basename="artifact")
api.register("executions", ReportViewSet, basename="execution-report")
api.register("executors", ExecutorViewSet, basename="executor")
api.register("executors", ClaimViewSet, basename="executor-claim")
api.register("events", EventViewSet, basename="event")
api.register("hooks", HookViewSet, basename="hook")
api.register("operations", OperationViewSet, basename="operation")
api.register("workflow-runs", WorkflowRunViewSet, basename="workflow-run")
api.register("approvals", ApprovalViewSet, basename="approval")
api.register("failure-groups", FailureGroupViewSet, basename="failure-group")
api.register("jobs", JobInsightViewSet, basename="job-insight")
api.register("schedules", ScheduleInsightViewSet, basename="schedule-insight")
api.register("executions", ExecutionInsightViewSet, basename="execution-insight")
api.register("stats", StatsViewSet, basename="stats")
api.register("forecast", ForecastViewSet, basename="forecast")
api.register("dependencies", DependencyViewSet, basename="dependency")
api.register("dead-letters", DeadLetterViewSet, basename="dead-letter")
api.register("queues", QueueViewSet, basename="queue")
api.register("workers", WorkerViewSet, basename="worker")
api.register("calendars", CalendarViewSet, basename="calendar")
api.register("tags", TagViewSet, basename="tag")
api.register("templates", TemplateViewSet, basename="template")
api.register("secrets", SecretViewSet, basename="secret")
api.register("connection-types", ConnectionTypeViewSet, basename="connection-type")
api.register("api-keys", ApiKeyViewSet, basename="api-key")
api.register("audit-events", AuditEventViewSet, basename="audit-event")
api.register("tenants", TenantsViewSet, basename="tenant")
api.register("tenants", TenantJobsViewSet, basename="tenant-jobs")
api.register("quotas", QuotaViewSet, basename="quota")
api.register("members", MemberViewSet, basename="member")
api.register("invitations", InvitationViewSet, basename="invitation")
api.register("auth/sessions", SessionViewSet, basename="session")

people = [
    path("auth/token", outside_transaction(TokenViewSet.as_view({"post": "log_in"}))),
    path("auth/refresh", outside_transaction(TokenViewSet.as_view({"post": "refresh"}))),
    path("auth/revoke", outside_transaction(TokenViewSet.as_view({"post": "revoke"}))),
    path("me", MeViewSet.as_view({"get": "show"})),
    path("me/password", MeViewSet.as_view({"post": "password"})),
    path("invitations/accept", outside_transaction(AcceptViewSet.as_view({"post": "create"}))),
]

docs = SpectacularSwaggerSplitView.as_view(url_name="openapi", template_name_js="scheduler_project/api_docs.js")

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/", permanent=False)),
    path("admin", RedirectView.as_view(url="/admin/", permanent=False)),
    path("admin/oidc/start", oidc.start, name="console-oidc-start"),
    path("admin/oidc/callback", oidc.callback, name="console-oidc-callback"),
    path("admin/", admin.site.urls),
    path("api/v1/openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path("api/v1/docs", docs, name="docs"),
    path("api/v1/", include(people)),
    path("api/v1/", include(api.urls)),
    path("invitations/<str:token>", accept, name="invitation"),
    path("hooks/<str:token>", outside_transaction(Inbound.as_view()), name="inbound"),
    path("health", monitoring.health),
    path("health/live", monitoring.live),
    path("health/ready", monitoring.ready),
    path("metrics", monitoring.metrics),
]

handler400 = "scheduler_project.errors.bad_request"
handler404 = "tenants.errors.not_found"
handler500 = "tenants.errors.server_error"
