"""What is left of a rate limit: a bucket of tokens, see :mod:`tenants.rules.rates`."""

from __future__ import annotations

from django.db import models


class RateBucket(models.Model):
    """Key: ``job:<id>``, ``tenant:<id>`` or ``queue:<name>``. Written by admission alone, so nobody waits for a row.

    ``tokens`` were left at ``updated_at``; a whole one is there at ``refill_at``. Full again at ``full_at``, the
    row says nothing any more and is pruned.
    """

    key = models.CharField(primary_key=True, max_length=80)
    tokens = models.FloatField()
    updated_at = models.DateTimeField()
    refill_at = models.DateTimeField()
    full_at = models.DateTimeField()

    class Meta:
        db_table = "rate_bucket"
        indexes = [models.Index(fields=["refill_at"], name="rate_bucket_refill")]
