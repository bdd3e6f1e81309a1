"""Name resolution for tests: programmed answers, and never a question to the network."""

from __future__ import annotations

import socket
from typing import Any

import pytest


class Names:
    """Replaces socket.getaddrinfo. Numeric hosts resolve as always; unknown names do not exist."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self._known: dict[str, list[list[str]]] = {}
        self._real = socket.getaddrinfo
        patch.setattr(socket, "getaddrinfo", self._answer)

    def resolve(self, name: str, *answers: list[str]) -> None:
        """Program the addresses of a name, one list per question; the last list repeats."""
        self._known[name] = list(answers)

    def _answer(self, host: str, port: int, *args: Any, **options: Any) -> list[tuple[Any, ...]]:
        name = host.lower().rstrip(".")
        if name not in self._known:
            flags = options.pop("flags", 0) | socket.AI_NUMERICHOST
            return list(self._real(host, port, *args, flags=flags, **options))
        self.asked.append(name)
        answers = self._known[name]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0))
            if ":" in address
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in addresses
        ]
