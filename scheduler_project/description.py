"""How the API's description introduces itself: what is true of every route. The routes describe themselves."""

from __future__ import annotations

from typing import Any

INTRODUCTION = """
Jobs, schedules and executions of one tenant, over HTTP and JSON.

**Who asks.** Send an API key as `X-API-Key` or as `Authorization: Bearer`, or a person's access token from
`POST /api/v1/auth/token`. A key belongs to one tenant; each route says the scope it takes. What belongs to another tenant
answers 404, like what does not exist. The platform's keys name the tenant with `?tenant=slug`.

**Errors** have one envelope: `{"error": {"code", "message", "details", "timestamp", "request_id"}}`. Decide by `code`; the
message says what to do, and `details` names the fields. Each route lists every status it answers, with its codes. Codes may
be added: treat one you do not know by its status.

**Lists** are `{"data": [...], "next_cursor"}`. Ask for the next page with `cursor`; `null` is the last, and a short page is
not. Filters may be repeated and have ranges, such as `created_at[gte]`; `order_by`, `fields=id,state`, `expand=` and
`count=capped` where a route names them. A parameter or field that is not known is refused by its name.

**Repeats.** 429 and 503 say in `Retry-After` when to try again. PUT, PATCH and DELETE may be sent again; so may a POST with
an `Idempotency-Key`: it is done once, and a repetition within 24 hours gets the first answer with
`Idempotent-Replayed: true`. Without the header a POST that makes something makes it again. `X-Request-Id` is echoed, logged
and kept in the audit trail.

**Two editors.** What shows one job, schedule, dependency or queue has an `ETag`; a change with `If-Match` is carried out only if it is
still that version, else 412. `?dry_run=true`, where a route names it, checks all and stores nothing.

**What stays.** Routes, fields and values are added, and none of them is taken away or narrowed within `v1`: read what you
know and pass over the rest, also in enums of answers.
""".strip()

SETTINGS: dict[str, Any] = {
    "TITLE": "Carillon",
    "DESCRIPTION": INTRODUCTION,
    "VERSION": "1.0.0",
    "LICENSE": {"name": "MIT", "identifier": "MIT"},
    "OAS_VERSION": "3.1.0",
    "DEFAULT_GENERATOR_CLASS": "tenants.api.openapi.Generator",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "ExecutionStateEnum": "jobs.api.shapes.executions.STATES",
        "JobStateEnum": "jobs.models.JobState",
        "ScheduleStateEnum": "jobs.models.ScheduleState",
        "AttemptShapeStateEnum": "jobs.models.AttemptState",
        "ExecutorStateEnum": "jobs.models.ExecutorState",
        "MaintenanceActionEnum": "jobs.models.Action",
        "OutcomeEnum": "tenants.api.dry_runs.OUTCOMES",
        "DeclaredOutcomeEnum": "jobs.api.shapes.declarations.OUTCOMES",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {
        "deepLinking": True,
        "displayRequestDuration": True,
        "filter": True,
        "docExpansion": "none",
    },
}
