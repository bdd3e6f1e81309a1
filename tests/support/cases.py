"""Many small cases in one test: each is tried, and all that fail are named at once.

    with cases.each() as case:
        for method in METHODS:
            with case(method):
                assert ...

A test of its own for each would cost more than what it asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager


@contextmanager
def each() -> Iterator[Callable[[str], AbstractContextManager[None]]]:
    """What is handed out takes a case's name; fails at the end with every case that failed, or if there was none."""
    failed: dict[str, str] = {}
    tried = set()

    @contextmanager
    def case(name: str) -> Iterator[None]:
        assert name not in tried, f"two cases are called {name}"
        tried.add(name)
        try:
            yield
        except Exception as problem:
            failed[name] = f"{type(problem).__name__}: {problem}"

    yield case
    assert tried, "no case was tried"
    assert not failed, "\n".join(f"{name}: {problem}" for name, problem in failed.items())
