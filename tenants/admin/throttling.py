"""The two buttons of whatever can be slowed down for a while, and how its limits are written down."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold import widgets

from tenants import marks
from tenants.admin.dialogs import Dialog, dialog
from tenants.models.limited import Limited
from tenants.services import throttles

_WHOLE = widgets.UnfoldAdminIntegerFieldWidget
_LONGEST = int(throttles.LONGEST.total_seconds()) // 60


class Throttle(Dialog):
    """How much, and for how long."""

    max_running = forms.IntegerField(
        min_value=0, initial=1, label="Most in flight", widget=_WHOLE, help_text="0 lets nothing start."
    )
    minutes = forms.IntegerField(
        min_value=1,
        max_value=_LONGEST,
        initial=60,
        label="For how many minutes",
        widget=_WHOLE,
        help_text=f"It ends by itself then. At most {_LONGEST}, {throttles.LONGEST.days} days.",
    )


class Rate(forms.Form):
    """How often something may start: fields for a form of limits."""

    rate_limit = forms.CharField(
        max_length=16,
        required=False,
        label="Rate",
        widget=widgets.UnfoldAdminTextInputWidget,
        help_text="Most starts per s, m, h or d, such as 100/m. Empty for no limit.",
    )
    rate_burst = forms.IntegerField(
        min_value=1,
        required=False,
        label="Burst",
        widget=_WHOLE,
        help_text="Most starts at once after a rest. Empty for the rate's number.",
    )


class Throttling:
    """For a :class:`tenants.admin.pages.ConsoleAdmin` of :class:`Limited` rows, which names the services."""

    def set_throttle(self, row: Any, *, max_running: int, until: datetime) -> None:
        """Call the service."""
        raise NotImplementedError

    def lift_throttle(self, row: Any) -> None:
        """Call the service."""
        raise NotImplementedError

    @dialog(
        "Throttle",
        title="Let less of it run for a while?",
        description="What is in flight goes on; what waits starts more slowly. Its own limits are in force again afterwards.",
        icon="speed",
        form=Throttle,
    )
    def throttle(self: Any, request: HttpRequest, form: Throttle) -> HttpResponse:
        until = timezone.now() + timedelta(minutes=form.cleaned_data["minutes"])
        self.set_throttle(form.row, max_running=form.cleaned_data["max_running"], until=until)
        message = f"{self.name_of(form.row)} is throttled until {marks.instant_text(until)}."
        return self.done(request, message, self.row_url(form.row.pk))  # type: ignore[no-any-return]

    @dialog(
        "End throttle",
        title="End the throttle now?",
        description="Its own limits are in force again at once.",
        icon="play_circle",
    )
    def unthrottle(self: Any, request: HttpRequest, form: Dialog) -> HttpResponse:
        self.lift_throttle(form.row)
        message = f"{self.name_of(form.row)} is no longer throttled."
        return self.done(request, message, self.row_url(form.row.pk))  # type: ignore[no-any-return]


def is_throttled(row: Limited) -> bool:
    """Whether there is a throttle to end."""
    return row.throttle_at(timezone.now()) is not None


def rate(row: Limited) -> str:
    """A rate and its burst in a few words."""
    if not row.rate_limit:
        return "no limit"
    return row.rate_limit + (f", at most {row.rate_burst} at once" if row.rate_burst else "")


def cap(row: Any) -> str:
    """What a list shows: the cap in force."""
    now = timezone.now()
    most = row.cap_at(now)
    if row.throttle_at(now) is not None:
        return f"{most}, throttled"
    return marks.NOTHING if most is None else str(most)


def facts(row: Limited) -> list[tuple[str, Any]]:
    """For the page of a row: its throttle, if one is in force."""
    most = row.throttle_at(timezone.now())
    if most is None:
        return []
    what = f"at most {most} in flight, until" if most else "nothing starts, until"
    return [("Throttled", marks.joined((what, marks.instant(row.throttled_until)), " "))]
