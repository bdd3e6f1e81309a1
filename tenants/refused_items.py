"""What is wrong with each item of a list, told all at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tenants.errors import Invalid, ServiceError


class RefusedItems:
    """Of the list that the request calls ``name``: what is refused inside :meth:`of` waits for :meth:`raise_any`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._found: list[tuple[str, ServiceError]] = []

    @contextmanager
    def of(self, place: int) -> Iterator[None]:
        """Around what is done for the item at ``place``; a refusal ends it, not the list."""
        try:
            yield
        except ServiceError as error:
            self._found.append((f"{self._name}[{place}]", error))

    def raise_any(self) -> None:
        """Refuse the list if anything of it was refused: as the items were if they agree on the code, else as invalid."""
        if not self._found:
            return
        details: dict[str, list[str]] = {}
        for path, error in self._found:
            for field, messages in _by_field(path, error).items():
                details.setdefault(field, []).extend(messages)
        field, messages = next(iter(details.items()))
        refused = _Refused if len({error.code for _, error in self._found}) == 1 else Invalid
        error = refused(f"{field}: {messages[0]}", details=details)
        if isinstance(error, _Refused):
            error.be(self._found[0][1])
        raise error


class _Refused(Invalid):
    """Of the list something was refused, so nothing of it was done."""

    def be(self, one: ServiceError) -> None:
        """Of the same kind as the refusal of one item."""
        self.code, self.status = one.code, one.status  # type: ignore[misc]


def _by_field(path: str, error: ServiceError) -> dict[str, list[str]]:
    """Its messages below the item's path; of one that names facts and no fields, its own at the item itself."""
    if error.details and all(_are_messages(value) for value in error.details.values()):
        return {f"{path}.{field}": list(messages) for field, messages in error.details.items()}
    return {path: [str(error)]}


def _are_messages(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
