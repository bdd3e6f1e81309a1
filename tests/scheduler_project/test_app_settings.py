"""A developer's own Django app: its settings beside ours, its models in its own database, called by a job."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from scheduler_project import app_settings
from tests.support import servers

APP = {
    "shop/__init__.py": "",
    "shop/models.py": """
from django.db import models

class Order(models.Model):
    number = models.TextField()
""",
    "shop/routers.py": """
class Shop:
    def db_for_read(self, model, **hints):
        return "shop" if model._meta.app_label == "shop" else None

    db_for_write = db_for_read
""",
    "shop/carillon.py": """
import os

INSTALLED_APPS = ["shop"]
DATABASES = {"shop": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["SHOP_DATABASE"]}}
DATABASE_ROUTERS = ["shop.routers.Shop"]
SHOP_PREFIX = "A-"
""",
    "shop/jobs.py": """
from django.conf import settings
from jobs.callables import job_handler
from shop.models import Order

@job_handler
def order(number: str) -> int:
    Order.objects.create(number=settings.SHOP_PREFIX + number)
    return Order.objects.filter(number__startswith=settings.SHOP_PREFIX).count()
""",
}
PROGRAM = """
import django; django.setup()
from django.db import connections
from jobs import handlers
from shop.models import Order
from tests.support.contexts import RecordingContext

with connections["shop"].schema_editor() as editor:
    editor.create_model(Order)
handler = handlers.get("python")
for payload in ({"args": ["1"]}, {"items": ["2", "3"], "max_threads": 1}):
    params = handler.params.model_validate({"callable": "shop.jobs:order", **payload})
    result = handler.run(params, RecordingContext())
    assert connections["shop"].connection is None
print(result["results"][-1]["result"])
"""


def test_job_calls_a_function_that_uses_its_apps_models(tmp_path: Path) -> None:
    for name, text in APP.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(servers.ROOT)]),
        "CARILLON_CALLABLES": json.dumps(["shop.jobs"]),
        "CARILLON_APP_SETTINGS": "shop.carillon",
        "SHOP_DATABASE": str(tmp_path / "shop.sqlite3"),
        "DJANGO_SETTINGS_MODULE": "scheduler_project.settings",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, cwd=servers.ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout == "3\n", done.stderr


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def write(text: str) -> str:
        (tmp_path / "their_settings.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "their_settings", raising=False)
        return "their_settings"

    return write


def test_lists_and_dictionaries_are_joined_and_names_of_their_own_are_added(module):
    name = module("APPS = ['b']\nDATABASES = {'shop': 2}\nOWN = 3\nignored = 4\n")
    ours = {"APPS": ["a"], "DATABASES": {"default": 1}, "DEBUG": False}
    assert app_settings.additions(name, ours) == {
        "APPS": ["a", "b"],
        "DATABASES": {"default": 1, "shop": 2},
        "OWN": 3,
    }


@pytest.mark.parametrize("text", ["DEBUG = True", "DATABASES = {'default': 2}", "APPS = 'b'"])
def test_nothing_of_ours_can_be_changed(module, text):
    ours = {"APPS": ["a"], "DATABASES": {"default": 1}, "DEBUG": False}
    with pytest.raises(ImproperlyConfigured, match=rf"their_settings\.{text.split()[0]} would change"):
        app_settings.additions(module(text), ours)


def test_module_that_is_not_there_is_named():
    with pytest.raises(ImproperlyConfigured, match=r"no\.such\.settings cannot be imported"):
        app_settings.additions("no.such.settings", {})
