"""What is left of a rate limit: a bucket of tokens, see :mod:`tenants.rules.rates`."""

from __future__ import annotations

from django.db import models


class RateBucket(models.Model):
    """Key: ``job:<id>``, ``tenant:<id>``, ``queue:<name>`` or ``key:<name>``. Written by admission alone, so
    nobody waits for a row. The name of a concurrency key is a digest (``carillon_key_name``): rows have no tenant, and keys
    may come from payloads.

    ``tokens`` were left at ``updated_at``; a whole one is there at ``refill_at``. Full again at ``full_at``, the
    row says nothing any more and is pruned. ``job_id``: of the jobs that share a key, the one whose rate counts.
    """

    key = models.CharField(primary_key=True, max_length=80)
    tokens = models.FloatField()
    updated_at = models.DateTimeField()
    refill_at = models.DateTimeField()
    full_at = models.DateTimeField()
    job_id = models.UUIDField(null=True)

    class Meta:
        db_table = "rate_bucket"
        indexes = [models.Index(fields=["refill_at"], name="rate_bucket_refill")]
