"""Answers that get lost, links that are gone. All of it in the proxies before the servers."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.chaos.faults.registry import fault
from tests.chaos.stand import Stand

#: Answers lost by one fault.
CUTS = 6


def _drop(kind: str, server: str, answer: str) -> None:
    @fault(kind)
    def drop(stand: Stand, chance: random.Random) -> Iterator[str]:
        proxies = [proxy for proxy in stand.proxies.values() if proxy.name.startswith(server)]
        before = sum(proxy.cuts for proxy in proxies)
        for proxy in proxies:
            proxy.cut(answer, chance.randint(1, CUTS))
        try:
            yield f"answers to {answer}, {before} cut before"
        finally:
            for proxy in proxies:
                proxy.cut(answer, 0)


_drop("drop commit reply", "postgres", "commit")
_drop("drop write reply", "postgres", "write")
_drop("drop broker reply", "redis", "message")


def _link(kind: str, role: str, server: str, mode: str) -> None:
    @fault(kind)
    def change(stand: Stand, chance: random.Random) -> Iterator[str]:
        stand.mode(f"{server} {role}", mode)
        try:
            yield f"{role} from {server}"
        finally:
            stand.mode(f"{server} {role}", "open")


for _server, _role in (("postgres", "worker"), ("redis", "worker"), ("postgres", "engine"), ("redis", "beat")):
    for _mode in ("refusing", "silent"):
        _link(f"partition {_role} {_server} {_mode}", _role, _server, _mode)
for _server, _role in (("postgres", "worker"), ("redis", "worker"), ("postgres", "engine"), ("postgres", "web")):
    _link(f"lossy {_role} {_server}", _role, _server, "lossy")
