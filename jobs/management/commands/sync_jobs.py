"""``manage.py sync_jobs``: makes and changes the jobs that code declares with a schedule, for one tenant."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from jobs.services import code_jobs
from jobs.services.code_jobs import Outcome, Step
from tenants import context, requests
from tenants.models import Tenant

_MARKS = {
    Outcome.CREATED: "+",
    Outcome.CHANGED: "~",
    Outcome.DELETED: "-",
    Outcome.UNDECLARED: "?",
    Outcome.NOT_ALLOWED: ".",
    Outcome.REFUSED: "!",
}


class Command(BaseCommand):
    """Run with the web process's environment, at each deploy."""

    help = "Creates and changes a tenant's jobs as the callables of CARILLON_CALLABLES declare them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", required=True, metavar="SLUG", help="Whose jobs.")
        parser.add_argument("--dry-run", action="store_true", help="Say what would change, and change nothing.")
        parser.add_argument("--prune", action="store_true", help="Delete jobs that code no longer declares.")

    def handle(self, *_: Any, **options: Any) -> None:
        with context.within(context.PLATFORM), transaction.atomic():
            tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"there is no tenant {options['tenant']!r}: is DATABASE_URL the app's log-in?")
        requests.known_as(replace(requests.SYSTEM, name="code:sync_jobs"))
        with context.within(context.Scope(tenant_id=tenant.pk)), transaction.atomic():
            steps = code_jobs.sync(tenant=tenant, prune=options["prune"])
            refused = any(step.outcome is Outcome.REFUSED for step in steps)
            # What would change is found out by changing it.
            transaction.set_rollback(refused or options["dry_run"])
        self._tell(steps)
        if refused:
            raise CommandError("nothing was stored: put right what is refused, then run this again")
        if options["dry_run"]:
            self.stdout.write("nothing was stored: this was a dry run")

    def _tell(self, steps: list[Step]) -> None:
        for step in steps:
            if step.outcome in _MARKS:
                self.stdout.write(f"{_MARKS[step.outcome]} {step.name}: {step.outcome}")
                for detail in step.details:
                    self.stdout.write(f"    {detail}")
        counts = Counter(step.outcome for step in steps)
        told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
        self.stdout.write(told or "no callable declares a job: see docs/python-jobs.md")
