"""Cases of the rule that says which executor may run what: the one in Python and the one in the database."""

from __future__ import annotations

#: (capabilities that are asked for, executor that is named, an executor's name, its capabilities, whether it fits)
CASES: list[tuple[list[str], str, str, list[str], bool]] = [
    ([], "", "alpha", [], True),
    ([], "", "alpha", ["gpu"], True),
    (["gpu"], "", "alpha", ["gpu"], True),
    (["gpu"], "", "alpha", ["gpu", "eu"], True),
    (["gpu", "eu"], "", "alpha", ["eu", "gpu"], True),
    (["gpu", "gpu"], "", "alpha", ["gpu"], True),
    (["gpu"], "", "alpha", [], False),
    (["gpu", "eu"], "", "alpha", ["gpu"], False),
    (["gp"], "", "alpha", ["gpu"], False),
    (["gpu"], "", "gpu", [], False),
    ([], "alpha", "alpha", [], True),
    (["gpu"], "alpha", "alpha", ["gpu"], True),
    (["gpu"], "alpha", "alpha", [], False),
    ([], "alpha", "beta", [], False),
    (["gpu"], "alpha", "beta", ["gpu"], False),
    ([], "alpha", "Alpha", [], False),
]
