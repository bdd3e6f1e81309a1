"""The console: its name, colours, style sheet and navigation. The pages are the packages' own."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy


def _list(title: str, icon: str, name: str) -> dict[str, Any]:
    """A list, for whoever may look at it."""

    def shown(request: HttpRequest) -> bool:
        return bool(_menu().shows_list(request, name))

    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{name}_changelist"), "permission": shown}


def _menu() -> Any:
    from tenants.console import menu  # noqa: PLC0415 - the settings are read before there are models

    return menu


def _has_place(request: HttpRequest) -> bool:
    return bool(_menu().shows_overview(request))


def _sees_executions(request: HttpRequest) -> bool:
    return bool(_menu().shows_list(request, "jobs_execution"))


def _is_at_executions(request: HttpRequest) -> bool:
    at = request.resolver_match.url_name or "" if request.resolver_match else ""
    return at.startswith("jobs_execution_") and not at.startswith("jobs_execution_failures")


def _is_at_jobs(request: HttpRequest) -> bool:
    at = request.resolver_match.url_name or "" if request.resolver_match else ""
    return at.startswith("jobs_job_") and at != "jobs_job_graph"


def _is_at_schedules(request: HttpRequest) -> bool:
    at = request.resolver_match.url_name or "" if request.resolver_match else ""
    return at.startswith("jobs_schedule_") and at != "jobs_schedule_forecast"


def _has_flower(request: HttpRequest) -> bool:
    return bool(settings.FLOWER_URL) and _menu().shows_platform(request)


def _flower(request: HttpRequest) -> str:  # noqa: ARG001 - called by the theme
    return str(settings.FLOWER_URL)


def _never(request: HttpRequest) -> bool:  # noqa: ARG001
    return False


NAVIGATION: list[dict[str, Any]] = [
    {
        "items": [
            {
                "title": "Overview",
                "icon": "monitor_heart",
                "link": reverse_lazy("admin:index"),
                "permission": _has_place,
            },
            {**_list("Executions", "play_circle", "jobs_execution"), "active": _is_at_executions},
            {**_list("Jobs", "work", "jobs_job"), "active": _is_at_jobs},
            {**_list("Graph", "account_tree", "jobs_job"), "link": reverse_lazy("admin:jobs_job_graph")},
            _list("Tags", "sell", "jobs_tag"),
            _list("Templates", "dashboard_customize", "jobs_jobtemplate"),
            {
                "title": "Failure groups",
                "icon": "bug_report",
                "link": reverse_lazy("admin:jobs_execution_failures"),
                "permission": _sees_executions,
            },
            _list("Dead letters", "mark_email_unread", "jobs_deadletter"),
            _list("Workflow runs", "account_tree", "jobs_workflowrun"),
            _list("Approvals", "how_to_vote", "jobs_approval"),
            _list("Operations", "playlist_play", "jobs_operation"),
        ]
    },
    {
        "title": "Time",
        "separator": True,
        "items": [
            {**_list("Schedules", "calendar_clock", "jobs_schedule"), "active": _is_at_schedules},
            _list("Calendars", "event_busy", "jobs_calendar"),
            _list("Maintenance", "construction", "jobs_maintenancewindow"),
            {**_list("Forecast", "bar_chart", "jobs_schedule"), "link": reverse_lazy("admin:jobs_schedule_forecast")},
            _list("Events", "bolt", "jobs_receivedevent"),
            _list("Hooks", "webhook", "jobs_hook"),
        ],
    },
    {
        "title": "Platform",
        "separator": True,
        "items": [
            _list("Queues", "stacks", "jobs_queue"),
            _list("Workers", "memory", "jobs_worker"),
            _list("Executors", "lan", "jobs_executor"),
            _list("System results", "receipt_long", "django_celery_results_taskresult"),
        ],
    },
    {
        "title": "Access",
        "separator": True,
        "items": [
            _list("Tenants", "apartment", "tenants_tenant"),
            _list("People", "group", "tenants_user"),
            _list("Members", "badge", "tenants_membership"),
            _list("Invitations", "outgoing_mail", "tenants_invitation"),
            _list("API keys", "key", "tenants_apikey"),
            _list("Secrets", "lock", "tenants_secret"),
            _list("Audit", "history", "tenants_auditevent"),
        ],
    },
    {
        "title": "Elsewhere",
        "separator": True,
        "items": [
            {"title": "Flower", "icon": "local_florist", "link": _flower, "active": _never, "permission": _has_flower},
            {"title": "API docs", "icon": "api", "link": reverse_lazy("docs"), "active": _never},
        ],
    },
]

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Carillon",
    "SITE_HEADER": "Carillon",
    "SITE_SUBHEADER": "Console",
    "SITE_ICON": lambda request: static("console/icon.svg"),  # noqa: ARG005
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("console/icon.svg")}],  # noqa: ARG005
    "SITE_URL": None,
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "monitoring.admin.overview.context",
    "STYLES": [lambda request: static("console/console.css")],  # noqa: ARG005
    "SCRIPTS": [lambda request: static("console/console.js")],  # noqa: ARG005
    "BORDER_RADIUS": "6px",
    "COLORS": {
        "primary": {
            "50": "oklch(97.7% .013 236.62)",
            "100": "oklch(95.1% .026 236.824)",
            "200": "oklch(90.1% .058 230.902)",
            "300": "oklch(82.8% .111 230.318)",
            "400": "oklch(78% .13 232)",
            "500": "oklch(74% .14 235)",
            "600": "oklch(50% .134 242.749)",
            "700": "oklch(44.3% .11 240.79)",
            "800": "oklch(39.1% .09 240.876)",
            "900": "oklch(35% .08 241)",
            "950": "oklch(29.3% .066 243.157)",
        },
    },
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": NAVIGATION},
}
