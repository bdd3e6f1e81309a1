"""What goes wrong on the way up, worded for the person at the terminal."""

from __future__ import annotations


class LocalError(Exception):
    """Stops `make up`, `down`, `restart` or `reset`; its message says what is wrong and what to do."""
