"""Messages to a job's channels: an outbox of rows, made of events and sent by the engine."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.expressions import RawSQL

from jobs.models.event import TransactionIdField
from jobs.models.job import Job
from tenants.models.owned import TenantOwned


class ChannelMessage(TenantOwned):
    """The id is made of the execution's and the channel: an end that is read twice makes one row."""

    class State(models.TextChoices):
        WAITING = "waiting"
        SENT = "sent"
        GIVEN_UP = "given_up"

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    execution_id = models.UUIDField()
    channel = models.CharField(max_length=64, help_text="Name of a secret that is a connection.")
    ended = models.CharField(max_length=16, help_text="failed or succeeded.")
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField()
    problem = models.CharField(max_length=1000, blank=True, default="")
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "channel_message"
        indexes = [
            models.Index(fields=["next_at"], condition=Q(state="waiting"), name="channel_message_due"),
            models.Index(fields=["execution_id"], name="channel_message_of"),
            models.Index(fields=["created_at"], name="channel_message_age"),
        ]


class ChannelCursor(models.Model):
    """Up to which event messages have been made: one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    xid = TransactionIdField(db_default=RawSQL("'0'::xid8", ()))
    event_id = models.UUIDField()

    class Meta:
        db_table = "channel_cursor"
        constraints = [models.CheckConstraint(condition=Q(id=1), name="channel_cursor_once")]
