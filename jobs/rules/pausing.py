"""Why a job was paused by itself, in words."""

from __future__ import annotations


def because(failures: int) -> str:
    """``paused by itself after 5 failures in a row``."""
    return f"paused by itself after {failures} failure{'' if failures == 1 else 's'} in a row"
