"""ASGI entry point: `uvicorn scheduler_project.asgi:application`."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scheduler_project.settings")

from scheduler_project import celery  # noqa: F401 - the app that rings and publishes

application = get_asgi_application()
