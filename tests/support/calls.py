"""How each route that changes something is called: its id, its body, and one of everything that they are of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from tenants.fields import new_id
from tests.support import actors, approvals, artifacts, executors, invitees, operations, rows, shut, tags, workflow_runs

ICAL = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20261224\nEND:VEVENT\nEND:VCALENDAR\n"


class World:
    """One of everything, in the state that a route asks for."""

    def __init__(self) -> None:
        self.actor = actors.owner()
        self.operator = actors.operator()

    def job(self, state: str = "active") -> str:
        return str(rows.job(self.actor.tenant.id, state=state)[0])

    def revised(self) -> str:
        """At its second revision."""
        job = self.job()
        assert self.actor.api.patch(f"/api/v1/jobs/{job}", {"timeout_seconds": 7}).json()["revision"] == 2
        return job

    def schedule(self, state: str = "active") -> str:
        return str(rows.schedule(rows.job(self.actor.tenant.id), state=state))

    def run(self, *states: str) -> str:
        """A workflow run of two steps, the first of which runs if no states are given."""
        given = dict(zip(("extract", "load"), states or ("running", "blocked"), strict=True))
        return str(workflow_runs.chain(self.actor.tenant.id, **given)[0])

    def approval(self) -> str:
        return str(approvals.waiting(self.actor.tenant.id))

    def execution(self, state: str) -> str:
        return str(rows.execution(rows.job(self.actor.tenant.id), state))

    def artifact(self) -> str:
        return str(artifacts.kept(self.actor.tenant.id, rows.execution(rows.job(self.actor.tenant.id), "succeeded")))

    def past(self) -> dict[str, Any]:
        """An hour of a schedule's slots."""
        now = rows.now()
        return {"from": (now - rows.timedelta(hours=1)).isoformat(), "until": now.isoformat(), "reason": "because"}

    def skipped(self) -> str:
        job = rows.job(self.actor.tenant.id)
        slot = {"schedule_id": rows.schedule(job), "scheduled_for": rows.now() - rows.timedelta(hours=1)}
        return str(rows.execution(job, "skipped", trigger="schedule", **slot))

    def letter(self) -> str:
        job = rows.job(self.actor.tenant.id)
        letter = new_id()
        rows.insert(
            "dead_letter", id=letter, tenant_id=self.actor.tenant.id, job_id=job[0], execution_id=rows.execution(job, "failed"),
            state="open", error_code="TIMEOUT", error_message="", error_fingerprint="", closed_by="", created_at=rows.now(),
        )  # fmt: skip
        return str(letter)

    def bulk(self) -> dict[str, Any]:
        rows.execution(rows.job(self.actor.tenant.id), "pending")
        return {"action": "cancel", "all": True}

    def operation(self, state: str = "running") -> str:
        return str(operations.row(self.actor.tenant.id, state=state))

    def recovery(self) -> str:
        return str(operations.row(self.actor.tenant.id, kind="recovery", max_active=4))

    def failures(self) -> str:
        fingerprint = uuid4().hex[:16]
        rows.execution(rows.job(self.actor.tenant.id), "failed", error_code="TIMEOUT", error_fingerprint=fingerprint)
        return fingerprint

    def key(self) -> str:
        made = self.actor.api.post("/api/v1/api-keys", {"name": "x", "scopes": ["admin"]})
        return str(made.json()["id"])

    def calendar(self, **fields: Any) -> str:
        made = self.actor.api.post("/api/v1/calendars", {"name": uuid4().hex, **fields})
        return str(made.json()["id"])

    def template(self) -> str:
        body = {"name": uuid4().hex, "body": {"name": uuid4().hex, "type": "dummy"}}
        return str(self.actor.api.post("/api/v1/templates", body).json()["id"])

    def edge(self) -> str:
        made = self.actor.api.post("/api/v1/dependencies", {"upstream": self.job(), "downstream": self.job()})
        return str(made.json()["id"])

    def secret(self) -> str:
        """With two versions, the second in force."""
        name = f"s_{uuid4().hex[:12]}"
        self.actor.api.post("/api/v1/secrets", {"name": name, "value": "the first value"})
        self.actor.api.patch(f"/api/v1/secrets/{name}", {"value": "the second value"})
        return name

    def connection(self) -> str:
        name = f"c_{uuid4().hex[:12]}"
        value = {"host": "redis.example.com", "password": "a long password"}
        made = self.actor.api.post("/api/v1/secrets", {"name": name, "kind": "redis", "value": value})
        assert made.status_code == 201, made.content
        return name

    def executor(self, state: str = "active") -> str:
        made = executors.play(self.actor).id
        rows.change("UPDATE executor SET state = %s WHERE id = %s", state, made)
        return made

    def registered(self) -> dict[str, Any]:
        return {"name": f"e-{uuid4().hex[:12]}", "queues": [executors.queue()]}

    def awaited(self) -> dict[str, Any]:
        """An event that a schedule waits for."""
        rows.schedule(rows.job(self.actor.tenant.id), kind="event", expression="", event="order.paid")
        return {"name": "order.paid"}

    def hook(self, scheme: str = "github") -> str:
        body = {"name": f"h-{uuid4().hex[:12]}", "event": "order.paid", "scheme": scheme}
        made = self.actor.api.post("/api/v1/hooks", body)
        assert made.status_code == 201, made.content
        return str(made.json()["id"])

    def disabled_hook(self) -> str:
        hook = self.hook()
        self.actor.api.post(f"/api/v1/hooks/{hook}/disable", {})
        return hook

    def tag(self) -> str:
        name = f"t-{uuid4().hex[:12]}"
        tags.give(rows.job(self.actor.tenant.id), name)
        return name

    def paused_tag(self) -> str:
        name = f"t-{uuid4().hex[:12]}"
        tags.paused(rows.job(self.actor.tenant.id), name)
        return name

    def shut(self) -> str:
        return str(shut.maintenance(self.actor.tenant.id))

    def member(self) -> str:
        return str(invitees.member(self.actor.tenant.id))

    def invitation(self) -> str:
        return str(invitees.invitation(self.actor.tenant.id, sent_at=rows.now() - rows.timedelta(hours=1)))

    def tenant(self, **columns: Any) -> str:
        """Its slug."""
        identifier = rows.tenant(**columns)
        return str(rows.fetch("SELECT slug FROM tenant WHERE id = %s", identifier)[0][0])

    def throttled_tenant(self) -> str:
        return self.tenant(throttle_max_running=1, throttled_until=rows.now() + rows.timedelta(days=1))

    def own(self) -> str:
        return self.actor.tenant.slug

    def queue(self, **columns: Any) -> str:
        name = f"q-{uuid4().hex[:12]}"
        rows.insert("queue", name=name, created_at=rows.now(), **columns)
        return name

    def throttled(self) -> str:
        job = self.job()
        rows.change(
            "UPDATE job SET throttle_max_running = 1, throttled_until = now() + interval '1 day' WHERE id = %s", job
        )
        return job

    def throttled_queue(self) -> str:
        return self.queue(throttle_max_running=1, throttled_until=rows.now() + rows.timedelta(days=1))


def soon() -> str:
    return (rows.now() + rows.timedelta(hours=1)).isoformat()


Call = tuple[Callable[[World], str] | None, Callable[[World], Any]]
CRON = {"kind": "cron", "expression": "0 0 * * *"}
#: (method, route): what its id is, and its body.
CALLS: dict[tuple[str, str], Call] = {
    ("post", "/jobs"): (None, lambda w: {"name": uuid4().hex, "type": "dummy"}),
    ("post", "/jobs/batch"): (None, lambda w: {"jobs": [{"name": uuid4().hex, "type": "dummy"}]}),
    ("put", "/jobs/{id}"): (lambda w: f"j-{uuid4().hex}", lambda w: {"type": "dummy"}),
    ("post", "/jobs/{id}/rollback"): (World.revised, lambda w: {"revision": 1}),
    ("post", "/jobs/{id}/duplicate"): (World.job, lambda w: {"name": f"j-{uuid4().hex}"}),
    ("patch", "/jobs/{id}"): (World.job, lambda w: {"priority": 1}),
    ("delete", "/jobs/{id}"): (World.job, lambda w: None),
    ("post", "/jobs/{id}/trigger"): (World.job, lambda w: {}),
    ("post", "/jobs/{id}/pause"): (World.job, lambda w: {}),
    ("post", "/jobs/{id}/resume"): (lambda w: w.job("paused"), lambda w: {}),
    ("post", "/jobs/{id}/disable"): (World.job, lambda w: {}),
    ("post", "/jobs/{id}/activate"): (lambda w: w.job("disabled"), lambda w: {}),
    ("post", "/jobs/{id}/throttle"): (World.job, lambda w: {"max_running": 1, "until": soon()}),
    ("post", "/jobs/{id}/unthrottle"): (World.throttled, lambda w: {}),
    ("post", "/schedules"): (None, lambda w: {**CRON, "job": w.job()}),
    ("put", "/schedules/{id}"): (World.schedule, lambda w: {**CRON, "misfire": "skip"}),
    ("patch", "/schedules/{id}"): (World.schedule, lambda w: {"expression": "0 1 * * *"}),
    ("delete", "/schedules/{id}"): (World.schedule, lambda w: None),
    ("post", "/schedules/batch"): (None, lambda w: {"schedules": [{**CRON, "job": w.job()}]}),
    ("post", "/schedules/{id}/backfill"): (World.schedule, World.past),
    ("post", "/schedules/{id}/run-anyway"): (World.schedule, lambda w: {"scheduled_for": "2026-01-01T00:00:00Z"}),
    ("post", "/executions/{id}/run-anyway"): (World.skipped, lambda w: {}),
    ("post", "/schedules/{id}/pause"): (World.schedule, lambda w: {}),
    ("post", "/schedules/{id}/resume"): (lambda w: w.schedule("paused"), lambda w: {}),
    ("post", "/executions"): (None, lambda w: {"job": w.job()}),
    ("post", "/executions/batch"): (None, lambda w: {"executions": [{"job": w.job()}]}),
    ("post", "/executions/{id}/cancel"): (lambda w: w.execution("scheduled"), lambda w: {}),
    ("post", "/executions/{id}/skip"): (lambda w: w.execution("pending"), lambda w: {"reason": "by hand"}),
    ("post", "/executions/{id}/retry"): (lambda w: w.execution("failed"), lambda w: {}),
    ("post", "/executions/{id}/replay"): (lambda w: w.execution("succeeded"), lambda w: {}),
    ("delete", "/artifacts/{id}"): (World.artifact, lambda w: None),
    ("post", "/executions/bulk"): (None, World.bulk),
    ("patch", "/operations/{id}"): (World.operation, lambda w: {"rate_per_second": 5}),
    ("post", "/operations/{id}/pause"): (World.operation, lambda w: {}),
    ("post", "/operations/{id}/resume"): (lambda w: w.operation("paused"), lambda w: {}),
    ("post", "/operations/{id}/cancel"): (World.operation, lambda w: {}),
    ("post", "/workflow-runs/{id}/cancel"): (lambda w: w.run(), lambda w: {}),
    ("post", "/workflow-runs/{id}/resume"): (lambda w: w.run("failed", "skipped"), lambda w: {}),
    ("post", "/workflow-runs/{id}/rerun"): (lambda w: w.run("succeeded", "succeeded"), lambda w: {"step": "extract"}),
    ("post", "/workflow-runs/{id}/steps/{step}/skip"): (lambda w: w.run(), lambda w: {}),
    ("post", "/approvals/{id}/approve"): (World.approval, lambda w: {}),
    ("post", "/approvals/{id}/reject"): (World.approval, lambda w: {"reason": "not today"}),
    ("post", "/operations/{id}/trim"): (World.recovery, lambda w: {"keep_newest": 1}),
    ("post", "/failure-groups/{id}/retry"): (World.failures, lambda w: {}),
    ("post", "/failure-groups/{id}/resolve"): (World.failures, lambda w: {}),
    ("post", "/dead-letters/{id}/discard"): (World.letter, lambda w: {}),
    ("post", "/dead-letters/{id}/redrive"): (World.letter, lambda w: {}),
    ("post", "/api-keys"): (None, lambda w: {"name": "x", "scopes": ["admin"]}),
    ("delete", "/api-keys/{id}"): (World.key, lambda w: None),
    ("patch", "/api-keys/{id}"): (World.key, lambda w: {"name": "another"}),
    ("post", "/api-keys/{id}/rotate"): (World.key, lambda w: {}),
    ("post", "/calendars"): (None, lambda w: {"name": uuid4().hex}),
    ("patch", "/calendars/{id}"): (World.calendar, lambda w: {"description": "another"}),
    ("delete", "/calendars/{id}"): (World.calendar, lambda w: None),
    ("post", "/calendars/{id}/refresh"): (lambda w: w.calendar(kind="holidays", country="DE"), lambda w: {}),
    ("post", "/calendars/{id}/import"): (lambda w: w.calendar(kind="ical", ical=ICAL), lambda w: {"ical": ICAL}),
    ("post", "/templates"): (None, lambda w: {"name": uuid4().hex, "body": {"type": "dummy"}}),
    ("patch", "/templates/{id}"): (World.template, lambda w: {"body": {"type": "http"}}),
    ("delete", "/templates/{id}"): (World.template, lambda w: None),
    ("post", "/templates/{id}/instantiate"): (World.template, lambda w: {"items": [{}]}),
    ("post", "/tags/{id}/pause"): (World.tag, lambda w: {"reason": "r", "until": soon()}),
    ("post", "/tags/{id}/resume"): (World.paused_tag, lambda w: {}),
    ("post", "/secrets"): (None, lambda w: {"name": f"s_{uuid4().hex[:12]}", "value": "a value of ours"}),
    ("patch", "/secrets/{id}"): (World.secret, lambda w: {"value": "the third value"}),
    ("delete", "/secrets/{id}"): (World.secret, lambda w: None),
    ("post", "/secrets/{id}/rollback"): (World.secret, lambda w: {"version": 1}),
    ("post", "/secrets/{id}/discard"): (World.secret, lambda w: {"version": 1}),
    ("post", "/secrets/{id}/test"): (World.connection, lambda w: {}),
    ("post", "/dependencies"): (None, lambda w: {"upstream": w.job(), "downstream": w.job()}),
    ("patch", "/dependencies/{id}"): (World.edge, lambda w: {"trigger_rule": "all_done"}),
    ("delete", "/dependencies/{id}"): (World.edge, lambda w: None),
    ("post", "/executors"): (None, World.registered),
    ("post", "/executors/{id}/activate"): (lambda w: w.executor("inactive"), lambda w: {}),
    ("post", "/executors/{id}/deactivate"): (World.executor, lambda w: {}),
    ("delete", "/executors/{id}"): (World.executor, lambda w: None),
    ("post", "/events"): (None, World.awaited),
    ("post", "/hooks"): (None, lambda w: {"name": f"h-{uuid4().hex[:12]}", "event": "a", "scheme": "standard"}),
    ("patch", "/hooks/{id}"): (World.hook, lambda w: {"event": "order.refunded"}),
    ("delete", "/hooks/{id}"): (World.hook, lambda w: None),
    ("post", "/hooks/{id}/rotate-token"): (World.hook, lambda w: {}),
    ("post", "/hooks/{id}/rotate-secret"): (World.hook, lambda w: {}),
    ("post", "/hooks/{id}/enable"): (World.disabled_hook, lambda w: {}),
    ("post", "/hooks/{id}/disable"): (World.hook, lambda w: {}),
    ("post", "/maintenance-windows"): (None, lambda w: {"scope": "tenant", "reason": "r", "ends_at": soon()}),
    ("patch", "/maintenance-windows/{id}"): (World.shut, lambda w: {"reason": "Another."}),
    ("delete", "/maintenance-windows/{id}"): (World.shut, lambda w: None),
    ("post", "/maintenance-windows/{id}/end"): (World.shut, lambda w: {}),
    ("patch", "/members/{id}"): (World.member, lambda w: {"role": "runner"}),
    ("delete", "/members/{id}"): (World.member, lambda w: None),
    ("post", "/invitations"): (None, lambda w: {"email": f"{uuid4().hex}@example.com", "role": "viewer"}),
    ("delete", "/invitations/{id}"): (World.invitation, lambda w: None),
    ("post", "/invitations/{id}/resend"): (World.invitation, lambda w: {}),
    ("post", "/tenants"): (None, lambda w: {"slug": f"t-{uuid4().hex[:12]}", "name": "A"}),
    ("patch", "/tenants/{id}"): (World.tenant, lambda w: {"weight": 2}),
    ("patch", "/tenants/{id}/defaults"): (World.own, lambda w: {"timezone": "Europe/Berlin"}),
    ("post", "/tenants/{id}/suspend"): (World.tenant, lambda w: {}),
    ("post", "/tenants/{id}/activate"): (lambda w: w.tenant(state="suspended"), lambda w: {}),
    ("post", "/tenants/{id}/throttle"): (World.tenant, lambda w: {"max_running": 1, "until": soon()}),
    ("post", "/tenants/{id}/unthrottle"): (World.throttled_tenant, lambda w: {}),
    ("post", "/queues"): (None, lambda w: {"name": f"q-{uuid4().hex[:12]}"}),
    ("patch", "/queues/{id}"): (World.queue, lambda w: {"max_running": 3}),
    ("delete", "/queues/{id}"): (World.queue, lambda w: None),
    ("post", "/queues/{id}/pause"): (World.queue, lambda w: {}),
    ("post", "/queues/{id}/resume"): (lambda w: w.queue(paused_at=rows.now()), lambda w: {}),
    ("post", "/queues/{id}/throttle"): (World.queue, lambda w: {"max_running": 1, "until": soon()}),
    ("post", "/queues/{id}/unthrottle"): (World.throttled_queue, lambda w: {}),
}
