"""An operator at the console."""

from tests.support.console import console

__all__ = ["console"]
