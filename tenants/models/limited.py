"""What may be said of everything that has a cap: how often it may start, and a lower cap for a while."""

from __future__ import annotations

from datetime import datetime

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q

from tenants.rules import rates


class Limited(models.Model):
    """Base of tenants, queues and jobs. Beside it each has ``max_running``, its lasting cap."""

    rate_limit = models.CharField(
        max_length=16,
        blank=True,
        default="",
        db_default="",
        validators=[RegexValidator(rates.PATTERN, rates.MESSAGE)],
        help_text="Most starts in a time, such as 100/m; s, m, h or d. Empty for no limit.",
    )
    rate_burst = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(rates.MOST)],
        help_text="Most starts at once after a rest; as many as the rate's number if empty.",
    )
    throttle_max_running = models.PositiveIntegerField(null=True, blank=True, editable=False)
    throttled_until = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    def throttle_at(self, now: datetime) -> int | None:
        """The cap an operator has set for a while, if that while is not over."""
        return self.throttle_max_running if self.throttled_until and self.throttled_until > now else None

    def cap_at(self, now: datetime) -> int | None:
        """The lower of its own cap and its throttle; None without either."""
        caps = [cap for cap in (getattr(self, "max_running", None), self.throttle_at(now)) if cap is not None]
        return min(caps, default=None)


def rate_is_known(table: str) -> models.CheckConstraint:
    """Admission reads rates for everybody at once: one that cannot be read would stop it."""
    return models.CheckConstraint(
        condition=Q(rate_limit="") | Q(rate_limit__regex=rates.PATTERN), name=f"{table}_rate_known"
    )


def throttle_end(table: str) -> models.Index:
    """When admission must look again because a throttle ends."""
    return models.Index(
        fields=["throttled_until"], condition=Q(throttled_until__isnull=False), name=f"{table}_throttle_end"
    )
