"""``manage.py rewrap_secrets``: wraps every tenant's data key with the first of CARILLON_ENCRYPTION_KEYS."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from tenants.errors import ServiceError
from tenants.services import data_keys


class Command(BaseCommand):
    """Run with a worker's environment, while everything runs; as often as one likes."""

    help = "Wraps every tenant's data key with the first of CARILLON_ENCRYPTION_KEYS, so that older ones may go."
    # They look at the web process's pages, which are not loaded with a worker's environment.
    requires_system_checks = ()

    def handle(self, *_: Any, **__: Any) -> None:
        if settings.DATABASE_ROLE != "engine":
            raise CommandError("this needs the engine's log-in: run it with the environment of a worker")
        try:
            keys, outcome = data_keys.ring(), data_keys.rewrap_all()
        except ServiceError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{outcome.done} data keys wrapped anew with the key {keys.first.id}")
        for problem in outcome.stuck:
            self.stdout.write(f"! {problem}")
        if outcome.stuck:
            raise CommandError(f"{len(outcome.stuck)} data keys are as they were: keep every older key")
        self.stdout.write("no other key is needed any more")
