"""A tenant's calendar: days on which schedules may behave otherwise."""

from __future__ import annotations

from django.db import models

from tenants.models.owned import TenantOwned


class CalendarKind(models.TextChoices):
    """Where its own days come from."""

    HOLIDAYS = "holidays"  # public ones of a country, written down when asked for
    DATES = "dates"
    ICAL = "ical"


class Calendar(TenantOwned):
    """``dates`` are its own entries, ``days`` all that it has, with what it inherits (see jobs.rules.calendar_days).

    ``digest`` tells two sets of days apart, of whichever calendar; schedules name it by its name.
    """

    name = models.CharField(max_length=100)
    description = models.CharField(max_length=500, blank=True)
    kind = models.CharField(max_length=16, choices=CalendarKind)
    country = models.CharField(max_length=2, blank=True)
    subdivision = models.CharField(max_length=32, blank=True)
    dates = models.JSONField(default=list)
    extends = models.JSONField(default=list, help_text="Ids of the calendars whose days it inherits.")
    weekend = models.JSONField(default=list, help_text="Weekdays without business; Monday is 0.")
    days = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)
    source = models.CharField(max_length=100, blank=True, help_text="What told the days that were not typed in.")
    owner = models.CharField(max_length=254, blank=True, help_text="Of an editor of own jobs who made it.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "calendar"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="calendar_tenant_key"),
            models.UniqueConstraint(fields=["tenant", "name"], name="calendar_name_once"),
            models.CheckConstraint(condition=models.Q(kind__in=CalendarKind.values), name="calendar_kind_known"),
        ]
        indexes = [models.Index(fields=["tenant", "-id"], name="calendar_recent")]

    def __str__(self) -> str:
        return self.name
