"""Celery's schedulers with many entries: RedBeat's, and django-celery-beat's.

    python -m celery --app=beats beat --scheduler=...
    python beats.py redbeat|django install
    python beats.py redbeat|django fill 10000 1000 17   stored, due each minute; the others at minute 17 of each hour
    python beats.py redbeat|django add                  one more, each second; prints the instant before it is stored

Runs in an environment of its own, in this folder.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "beats_settings")

import django
from celery import Celery
from celery.schedules import crontab, schedule

BROKER = os.environ["BENCHMARK_BROKER"]
QUEUE = os.environ["BENCHMARK_QUEUE"]

django.setup()
app = Celery("beats", broker=BROKER)
app.conf.update(
    task_default_queue=QUEUE,
    task_ignore_result=True,
    redbeat_redis_url=BROKER,
    beat_max_loop_interval=5,
    timezone="UTC",
    broker_connection_retry_on_startup=True,
)


@app.task(name="peers.noop")
def noop() -> None:
    """Nothing."""


class RedBeat:
    """Each entry is a hash and a member of a sorted set."""

    def install(self) -> None:
        """Nothing to make."""

    def fill(self, stored: int, due: int, minute: int) -> None:
        for number in range(stored):
            self._save(f"entry-{number}", crontab() if number < due else crontab(minute=str(minute)))

    def add(self) -> None:
        self._save("each-second", schedule(1.0))

    def _save(self, name: str, when: Any) -> None:
        from redbeat import RedBeatSchedulerEntry

        RedBeatSchedulerEntry(name, "peers.noop", when, app=app).save()


class DjangoBeat:
    """Each entry is a row; a change of any makes beat read all."""

    def install(self) -> None:
        from django.core.management import call_command

        call_command("migrate", verbosity=0)

    def fill(self, stored: int, due: int, minute: int) -> None:
        from django_celery_beat.models import CrontabSchedule, PeriodicTask, PeriodicTasks

        each_minute = CrontabSchedule.objects.create(timezone="UTC")
        later = CrontabSchedule.objects.create(minute=str(minute), timezone="UTC")
        PeriodicTask.objects.bulk_create(
            [
                PeriodicTask(name=f"entry-{number}", task="peers.noop", crontab=each_minute if number < due else later)
                for number in range(stored)
            ],
            batch_size=1000,
        )
        PeriodicTasks.update_changed()

    def add(self) -> None:
        from django_celery_beat.models import IntervalSchedule, PeriodicTask

        each_second = IntervalSchedule.objects.create(every=1, period="seconds")
        PeriodicTask.objects.create(name="each-second", task="peers.noop", interval=each_second)


def main() -> None:
    kind, command, *numbers = sys.argv[1:]
    chosen = {"redbeat": RedBeat, "django": DjangoBeat}[kind]()
    if command == "add":
        print(time.time())
    getattr(chosen, command)(*map(int, numbers))


if __name__ == "__main__":
    main()
