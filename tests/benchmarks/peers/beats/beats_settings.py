"""The least that django-celery-beat needs."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

_url = urlsplit(os.environ["BENCHMARK_DATABASE"])

SECRET_KEY = "of a benchmark"
INSTALLED_APPS = ["django_celery_beat"]
USE_TZ = True
TIME_ZONE = "UTC"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _url.path.lstrip("/"),
        "USER": _url.username,
        "PASSWORD": _url.password,
        "HOST": _url.hostname,
        "PORT": str(_url.port),
    }
}
