"""What somebody fills in of a maintenance window. The service checks it and refuses by field."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold import widgets

from jobs.models import Action, MaintenanceWindow, Queue, Scope
from tenants import actors
from tenants.admin import forms as console_forms
from tenants.admin.dialogs import Editing
from tenants.rules import permissions

_TEXT = widgets.UnfoldAdminTextInputWidget
_CHOICE = widgets.UnfoldAdminSelectWidget
_SCOPES = [
    (Scope.TENANT.value, "everything of the tenant"),
    (Scope.QUEUE.value, "the tenant's work in one queue"),
    (Scope.JOB.value, "one job"),
    (Scope.PLATFORM.value, "the platform: every tenant, in one queue if one is named"),
]


def scopes() -> list[tuple[str, str]]:
    """What whoever asks may cover."""
    return [(value, text) for value, text in _SCOPES if value != Scope.PLATFORM or actors.may(permissions.PLATFORM)]


class Fields(Editing):
    """All but what it covers."""

    reason = forms.CharField(
        max_length=500, widget=_TEXT, help_text="What it is for: everybody whose work waits reads it."
    )
    action = forms.ChoiceField(
        choices=[
            (Action.HOLD.value, "hold: nothing starts; at its end the schedules' misfire policy decides"),
            (Action.SKIP.value, "skip: its slots are left out; what is started by hand runs"),
        ],
        initial=Action.HOLD,
        widget=_CHOICE,
    )
    starts_at = forms.DateTimeField(
        required=False, label="From, in UTC", widget=_TEXT, help_text="Such as 2026-03-01 22:00. Empty: now."
    )
    ends_at = forms.DateTimeField(
        required=False, label="Until, in UTC", widget=_TEXT, help_text="Empty if it comes again and again, as below."
    )
    expression = forms.CharField(
        max_length=200,
        required=False,
        label="Or again and again: cron expression",
        widget=_TEXT,
        help_text="When it opens, such as 0 22 * * 6.",
    )
    timezone = forms.CharField(
        max_length=64, required=False, label="Time zone of the expression", widget=_TEXT, help_text="Empty for UTC."
    )
    duration_seconds = forms.IntegerField(
        min_value=60,
        max_value=604_800,
        required=False,
        label="Open for so many seconds each time",
        widget=widgets.UnfoldAdminIntegerFieldWidget,
    )
    silence_alerts = forms.BooleanField(required=False, widget=widgets.UnfoldBooleanWidget)

    def clean_timezone(self) -> str:
        """UTC if left out."""
        return self.cleaned_data["timezone"] or "UTC"


class NewWindow(Fields):
    """A window to be, with what it covers."""

    tenant = console_forms.tenant_field(MaintenanceWindow)
    scope = forms.ChoiceField(choices=scopes, label="What it covers", widget=_CHOICE)
    queue = forms.ModelChoiceField(Queue.objects.order_by("name"), required=False, widget=_CHOICE)
    job = forms.CharField(max_length=200, required=False, label="Job, by its name", widget=_TEXT)
    field_order = ("tenant", "scope", "queue", "job", "reason", "action", "starts_at", "ends_at")

    def __init__(self, data: Any = None) -> None:
        super().__init__(None, data)
        self.fields["tenant"].required = False
