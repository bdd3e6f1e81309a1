#!/usr/bin/env python
"""Django's command line for Carillon."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scheduler_project.settings")
    from scheduler_project import celery  # noqa: F401 - the app that rings and publishes

    execute_from_command_line(sys.argv)
