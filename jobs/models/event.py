"""What happened, for whoever watches: written in the transaction it tells of."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.expressions import RawSQL

from tenants.models.owned import PartitionedByTime


class TransactionIdField(models.Field):  # type: ignore[type-arg]
    """PostgreSQL's xid8: readers stop before the oldest transaction still open, so a late commit is never passed over."""

    def db_type(self, connection: Any) -> str:  # noqa: ARG002 - Django's signature
        return "xid8"

    def from_db_value(self, value: Any, *_: Any) -> int:
        return int(value)


class Event(PartitionedByTime):
    """Partitioned by id. Read with ``xid < pg_snapshot_xmin(pg_current_snapshot())``, never with ``id > cursor``."""

    xid = TransactionIdField(db_default=RawSQL("pg_current_xact_id()", ()), editable=False)
    kind = models.CharField(max_length=64, help_text="noun.participle, such as execution.succeeded.")
    job_id = models.UUIDField(null=True)
    execution_id = models.UUIDField(null=True)
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "event"
        indexes = [
            models.Index(fields=["xid", "id"], name="event_order"),
            models.Index(fields=["execution_id"], name="event_of_execution"),
        ]
