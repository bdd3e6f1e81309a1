"""Jobs in Python: what a developer imports to mark what jobs may call, see docs/python-jobs.md.

    from jobs.callables import current, job_handler, scheduled_job, ScheduledJob

:mod:`jobs.callables.registry` knows what was marked; job type ``python`` calls it, ``manage.py sync_jobs``
makes jobs of what carries a schedule.
"""

from jobs.callables import current
from jobs.callables.declarations import ScheduledJob, job_handler, scheduled_job

__all__ = ["ScheduledJob", "current", "job_handler", "scheduled_job"]
