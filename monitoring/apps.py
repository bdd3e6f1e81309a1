"""The monitoring app."""

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    """Watches and tells; decides nothing."""

    name = "monitoring"
