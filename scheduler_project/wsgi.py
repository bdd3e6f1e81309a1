"""WSGI entry point, for servers that cannot speak ASGI. Live streams need ASGI."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scheduler_project.settings")

from scheduler_project import celery  # noqa: F401 - the app that rings and publishes

application = get_wsgi_application()
