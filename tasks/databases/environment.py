"""What the worker's environment says to libpq is not for sessions of jobs."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

#: Two at once would each put back what the other has taken out.
_taking = threading.Lock()


@contextlib.contextmanager
def bare() -> Iterator[None]:
    """Without the PG… variables: no option keeps libpq from PGSERVICE, its file, and what they say beside ours."""
    with _taking:
        taken = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("PG")}
        try:
            yield
        finally:
            os.environ.update(taken)
