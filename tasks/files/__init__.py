"""Files of tenants: their folder on this machine, and places elsewhere that speak S3 or SFTP.

    with files.root_of("acme") as root:                     # nothing resolves above it
        with root.open("in/rows.csv") as file: ...          # a plain file, no link, no device
        with root.writing("out/rows.csv") as file: ...      # whole under its name, or not there at all

Whoever needs a path of the system for a library that takes nothing else asks :meth:`local.Root.pinned`.
"""

from __future__ import annotations

from django.conf import settings

from tasks.files.local import Root

__all__ = ["Root", "root_of"]


def root_of(tenant: str) -> Root:
    """The folder of a tenant, made when it is first asked for. ``tenant`` is its slug."""
    return Root.at(settings.FILES / tenant)
