"""The console's overview, and the results of the system's own Celery tasks. Importing registers them."""

from django.contrib import admin

from monitoring.admin import celery_results, overview

admin.site.index_template = "console/overview.html"

__all__ = ["celery_results", "overview"]
