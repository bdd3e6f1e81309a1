"""The app of the beat process: slim, and of one mind with the full one about broker and beat."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from scheduler_project import broker, celery
from scheduler_project.env import ROOT

_SHOWN = """
import json, sys
from scheduler_project.ringing import app
import redbeat
told = {name: repr(getattr(app.conf, name)) for name in sys.argv[1:]}
print(json.dumps([sorted(sys.modules), told]))
"""


@pytest.fixture(scope="module")
def slim():
    """The modules its process has, and its settings."""
    command = [sys.executable, "-c", _SHOWN, *broker.BROKER, *broker.BEAT]
    return json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout)


def test_it_has_neither_django_nor_the_domain(slim):
    assert {"celery", "redbeat", "tasks.beat"} <= set(slim[0])
    roots = {name.partition(".")[0] for name in slim[0]}
    assert not {"rest_framework", "psycopg", "jobs", "tenants"} & roots
    # Where Django is installed, kombu takes a class of its utilities along.
    assert not {"django.conf", "django.apps", "django.db"} & set(slim[0])


@pytest.mark.parametrize("name", sorted({*broker.BROKER, *broker.BEAT} - {"broker_transport_options"}))
def test_it_is_told_what_the_full_app_is_told(slim, name):
    assert slim[1][name] == repr(getattr(celery.app.conf, name))


def test_the_full_app_has_what_it_publishes_with_on_top():
    options = celery.app.conf.broker_transport_options
    assert broker.TRANSPORT.items() <= options.items()
    assert set(options) - set(broker.TRANSPORT) == {"priority_steps"}
