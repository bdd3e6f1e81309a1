"""``client.jobs``: definitions, their states, and running them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Unpack, cast

from carillon_client.executions import Executions, wish
from carillon_client.resources import Resource
from carillon_client.shapes import (
    DeclaredJob,
    Execution,
    Job,
    JobChanges,
    JobDeclarationFields,
    JobDryRun,
    JobInput,
    JobInputFields,
    JobStats,
    Outlook,
    Revision,
    Triggered,
    Upcoming,
)
from carillon_client.transport import quoted


class Jobs(Resource):
    """Jobs of the tenant. Each is named by its id or its name."""

    path = "jobs"

    def list(self, **filters: Any) -> Iterator[Job]:
        """Newest first: ``state=``, ``type=``, ``tag=``, ``category=``, ``owner=``, ``queue=``, ``name=``."""
        return self._transport.pages(self.path, filters)

    def get(self, job: str, **query: Any) -> Job:
        """One job."""
        return cast(Job, self._get(quoted(job), **query))

    def etag(self, job: str) -> str:
        """What ``if_match`` takes: the change is refused if somebody else has changed the job since."""
        return str(self._transport.answer("GET", f"{self.path}/{quoted(job)}").headers.get("ETag", ""))

    def create(self, **job: Unpack[JobInputFields]) -> Job:
        """A new job with its schedules."""
        return cast(Job, self._post("", job))

    def batch(self, jobs: Sequence[JobInput]) -> Sequence[Job]:
        """Up to 100 new jobs with their schedules, all or none."""
        return cast(Sequence[Job], self._post("batch", {"jobs": [*jobs]})["data"])

    def put(self, name: str, /, *, if_match: str | None = None, **job: Unpack[JobDeclarationFields]) -> DeclaredJob:
        """Make it so: creates the job, or replaces all that is said of it. ``outcome`` is created, updated or unchanged."""
        return cast(
            DeclaredJob, self._transport.send("PUT", f"{self.path}/{quoted(name)}", body=job, if_match=if_match)
        )

    def plan(self, name: str, /, **job: Unpack[JobDeclarationFields]) -> JobDryRun:
        """What :meth:`put` would change, and when it would run next. Nothing is stored."""
        return cast(
            JobDryRun,
            self._transport.send("PUT", f"{self.path}/{quoted(name)}", body=job, query={"dry_run": True}),
        )

    def patch(self, job: str, /, *, if_match: str | None = None, **changes: Unpack[JobChanges]) -> Job:
        """Merge changes: what is left out stays, None in an object removes a key."""
        return cast(Job, self._transport.send("PATCH", f"{self.path}/{quoted(job)}", body=changes, if_match=if_match))

    def delete(self, job: str, *, if_match: str | None = None) -> None:
        """Its name is free again, its schedules end, its executions stay."""
        self._transport.send("DELETE", f"{self.path}/{quoted(job)}", if_match=if_match)

    def trigger(
        self,
        job: str,
        *,
        payload: Mapping[str, Any] | None = None,
        run_at: str | None = None,
        dedup_key: str | None = None,
    ) -> Triggered:
        """Run it now, or at ``run_at``; ``payload`` goes over the job's.

        What another request with this ``dedup_key`` has made already comes back ``deduplicated``.
        """
        return cast(Triggered, self._post(f"{quoted(job)}/trigger", wish(payload, run_at, dedup_key)))

    def run(self, job: str, *, payload: Mapping[str, Any] | None = None, timeout: float | None = None) -> Execution:
        """Trigger it and wait for the end."""
        return Executions(self._transport).wait(self.trigger(job, payload=payload)["id"], timeout=timeout)

    def pause(self, job: str) -> Job:
        """Hold its schedules."""
        return self._become(job, "pause")

    def resume(self, job: str) -> Job:
        """Go on after a pause; the misfire policy decides about missed slots."""
        return self._become(job, "resume")

    def disable(self, job: str) -> Job:
        """Let nothing of it start."""
        return self._become(job, "disable")

    def activate(self, job: str) -> Job:
        """Go on from now."""
        return self._become(job, "activate")

    def throttle(self, job: str, *, max_running: int, until: str) -> Job:
        """Let at most so many be in flight until an instant."""
        return cast(Job, self._post(f"{quoted(job)}/throttle", {"max_running": max_running, "until": until}))

    def unthrottle(self, job: str) -> Job:
        """End its throttle before its time."""
        return self._become(job, "unthrottle")

    def duplicate(self, job: str, **changes: Any) -> Job:
        """A copy under another ``name``."""
        return cast(Job, self._post(f"{quoted(job)}/duplicate", changes))

    def revisions(self, job: str) -> Iterator[Revision]:
        """What it was at each of its revisions, newest first."""
        return self._transport.pages(f"{self.path}/{quoted(job)}/revisions", {})

    def rollback(self, job: str, *, revision: int) -> Job:
        """Be again what it was at a revision: as a new one."""
        return cast(Job, self._post(f"{quoted(job)}/rollback", {"revision": revision}))

    def next(self, job: str, *, count: int = 10) -> Sequence[Upcoming]:
        """Its next runs over all schedules."""
        return cast(Sequence[Upcoming], self._get(f"{quoted(job)}/next", count=count)["data"])

    def stats(self, job: str, **window: Any) -> JobStats:
        """How its executions went: ``since=``, ``until=``."""
        return cast(JobStats, self._get(f"{quoted(job)}/stats", **window))

    def explain(self, job: str) -> Outlook:
        """Why it runs, or does not, in words and codes."""
        return cast(Outlook, self._get(f"{quoted(job)}/explain"))

    def _become(self, job: str, verb: str) -> Job:
        return cast(Job, self._post(f"{quoted(job)}/{verb}"))
