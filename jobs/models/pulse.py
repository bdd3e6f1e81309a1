"""When each part of the engine last did its round."""

from __future__ import annotations

from django.db import models


class Pulse(models.Model):
    """``ring`` is beat's tick received, ``dispatch`` a finished planning and admission round, ``watch`` a sweep."""

    name = models.CharField(primary_key=True, max_length=32)
    at = models.DateTimeField()

    class Meta:
        db_table = "pulse"
