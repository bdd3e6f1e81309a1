"""requirements.txt alone is enough to run: a development environment hides what is missing there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from scheduler_project.env import ROOT

#: What the five processes import at start, and only then.
IMPORTS = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "scheduler_project.settings"
import django
django.setup()
import flower.command, kombu.transport.redis, redbeat, uvicorn
import scheduler_project.asgi, scheduler_project.local.up, scheduler_project.urls
import tasks.dispatch, tasks.engine_process, tasks.maintenance, tasks.run, tasks.worker_process
from scheduler_project.celery import app
app.connection_for_write().channel
"""


def test_everything_starts_with_the_runtime_requirements_only(tmp_path: Path) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(tmp_path / "venv")], check=True)
    install = [*uv, "pip", "install", "--quiet", "--require-hashes", "--python", str(python), "-r", "requirements.txt"]
    subprocess.run(install, check=True, cwd=ROOT)
    environment = {
        name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "CARILLON_SECRET_KEY"}
    }
    done = subprocess.run(
        [str(python), "-c", IMPORTS], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
