"""Where the commands of jobs run: on a leash, and in namespaces of their own where the machine allows it."""

from tasks.sandbox.probe import level

__all__ = ["level"]
