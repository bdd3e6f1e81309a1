"""The servers and contexts of the tests of handlers."""

from tests.tasks.handlers.conftest import context, elsewhere, server

__all__ = ["context", "elsewhere", "server"]
