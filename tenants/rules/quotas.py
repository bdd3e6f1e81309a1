"""How much of what costs room a tenant may have, and what to say when it is too much.

Each is the tenant's own number, else the installation's (``CARILLON_QUOTAS``), else there is none. Jobs, schedules
and unfinished executions are counted; what one attempt logs is measured while it runs. What may be in flight and how
often something may start is no quota: it makes executions wait and refuses none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

#: Largest number a quota may be.
MOST = 2_000_000_000
#: The same of bytes stored: what every JSON reader can tell exactly.
MOST_BYTES = 2**53 - 1
#: What one attempt may log at most, whoever it is of, and the least that can be asked.
MOST_LOG = 16 * 1024 * 1024
LEAST_LOG = 1024


@dataclass(frozen=True, slots=True)
class Quota:
    """``field`` is the tenant's column, ``what`` the counted things in words."""

    name: str
    field: str
    what: str

    def limit(self, own: int | None, defaults: Mapping[str, int]) -> int | None:
        """What holds for a tenant; None for no limit."""
        return own if own is not None else defaults.get(self.name)


JOBS = Quota("jobs", "max_jobs", "jobs")
SCHEDULES = Quota("schedules", "max_schedules", "schedules")
#: Waiting and running ones: only making one adds to them, whatever states they pass through.
UNFINISHED = Quota("unfinished", "max_unfinished", "executions that have not ended")
LOG_BYTES = Quota("log_bytes", "max_log_bytes", "bytes that one attempt may log")
ARTIFACT_BYTES = Quota("artifact_bytes", "max_artifact_bytes", "bytes of artifacts")
FILE_BYTES = Quota("file_bytes", "max_file_bytes", "bytes of files")
ALL = (JOBS, SCHEDULES, UNFINISHED, LOG_BYTES, ARTIFACT_BYTES, FILE_BYTES)
#: Those that refuse with QUOTA_EXCEEDED; of the others an attempt is told, which fails with RESOURCE_LIMIT.
COUNTED = (JOBS, SCHEDULES, UNFINISHED)


def refusal(quota: Quota, limit: int, used: int, wanted: int = 1) -> str:
    """What is wrong, and what to do."""
    more = f", and {wanted} more are asked for" if wanted > 1 else ""
    return (
        f"this tenant has {used} {quota.what} and may have {limit}{more}: let some end or delete some, "
        "or ask the platform's operators for more"
    )


def kept_for(own_days: int | None, installation: timedelta) -> timedelta:
    """How long a tenant's ended executions stay: a week is dropped whole after the installation's time, so never longer."""
    return installation if own_days is None else min(timedelta(days=own_days), installation)
