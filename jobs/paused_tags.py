"""Tags in use, and which of them hold what."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Count, Exists, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from jobs.models import Job, JobState, JobTag, Tag
from jobs.rules.explaining import Hold
from jobs.rules.waiting import TagPause
from tenants import names


def _carried() -> QuerySet[JobTag]:
    return JobTag.objects.filter(tenant=OuterRef("tenant"), tag=OuterRef("tag")).exclude(job__state=JobState.DELETED)


def in_use(now: datetime) -> QuerySet[Tag]:
    """Tags that a job carries or that are paused."""
    return Tag.objects.filter(Exists(_carried()) | paused_at(now))


def counted(rows: QuerySet[Tag]) -> QuerySet[Tag]:
    """With how many jobs carry each, as ``job_count``."""
    totals = _carried().order_by().values("tag").annotate(total=Count("pk")).values("total")
    return rows.annotate(job_count=Coalesce(Subquery(totals, output_field=IntegerField()), 0))


def paused_at(now: datetime) -> Q:
    """That a tag is paused then."""
    return Q(paused_at__lte=now) & (Q(until=None) | Q(until__gt=now))


def of_job(job: Job, at: datetime) -> QuerySet[Tag]:
    """Tags of a job that were or are paused at an instant; what holds it longest comes first."""
    carried = JobTag.objects.filter(tenant=job.tenant_id, job=job.pk).values("tag")
    rows = Tag.objects.filter(paused_at(at), tenant=job.tenant_id, tag__in=carried)
    return rows.order_by(F("until").desc(nulls_first=True), "tag")


def pausing(job: Job, now: datetime) -> TagPause | None:
    """What holds a job."""
    return longest(of_job(job, now)[:1])


def longest(paused: Iterable[Tag]) -> TagPause | None:
    """Of tags as :func:`of_job` has them, the one that holds the job longest."""
    found = next(iter(paused), None)
    return TagPause(until=found.until, why=said(found)) if found else None


def hold(job: Job, at: datetime) -> Hold | None:
    """What held a job at an instant, as far as that is still known: of each tag its last pause is."""
    found = of_job(job, at).first()
    if found is None or found.paused_at is None:
        return None
    return Hold(what=f"its tag {found.tag} was paused", since=found.paused_at, until=found.until, by=found.paused_by)


def said(tag: Tag) -> str:
    """Which tag, by whom and why."""
    by = f" by {names.called(tag.paused_by)}" if tag.paused_by else ""
    return f"{tag.tag}{by}: {tag.reason.rstrip('.')}"
