"""Sequences along the description's links: what one answer made is what the next request is about.

A walk is drawn whole before its first request. Schemathesis' own state machine draws each step from the answers before
it, and here the same request does not get the same answer twice: a name is taken then.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from schemathesis import GenerationMode

from tests.fuzz.asking import OF_OPERATORS, Asking

LONGEST = 6
_Step = tuple[Any, str]


class Map:
    """Operations by their ids, and the links of each."""

    def __init__(self, document: dict[str, Any], operations: list[Any]) -> None:
        self._document = document
        self._operations = {each.definition.raw["operationId"]: each for each in operations}
        self._links = {name: self._of(each.definition.raw) for name, each in self._operations.items()}
        #: Where something is made that others lead on from.
        self.starts = sorted(
            name
            for name, links in self._links.items()
            if links and name.endswith("_create") and "{id}" not in self._operations[name].path
        )

    def _of(self, operation: dict[str, Any]) -> list[tuple[str, str]]:
        """(operation's id, field of the answer) for each link of its answers."""
        names = {name for answer in operation["responses"].values() for name in answer.get("links", {})}
        links = [self._document["components"]["links"][name] for name in sorted(names)]
        return [(link["operationId"], link["parameters"]["id"].rpartition("/")[2]) for link in links]

    def walk(self, draw: st.DrawFn) -> list[_Step]:
        """Cases, each with the field of the answer before that names what it is about."""
        steps: list[_Step] = []
        name, field = draw(st.sampled_from(self.starts)), ""
        for _ in range(LONGEST):
            case = draw(self._operations[name].as_strategy(generation_mode=GenerationMode.POSITIVE))
            steps.append((case, field))
            if not self._links[name]:
                break
            name, field = draw(st.sampled_from(self._links[name]))
        return steps


@st.composite
def walks(draw: st.DrawFn, known: Map) -> list[_Step]:
    """Walks over what is known."""
    return known.walk(draw)


def walk(asks: Asking, steps: list[_Step]) -> None:
    """Go on as long as there is something to go on with."""
    made: dict[str, Any] = {}
    for case, field in steps:
        if field and field not in made:
            return
        if field:
            case.path_parameters["id"] = str(made[field])
        if case.query:
            case.query.pop("tenant", None)
        asks.make_sense(case)
        answer = asks.send(case, "operator" if case.operation.path.startswith(OF_OPERATORS) else "admin")
        if answer is None:
            return
        if 200 <= answer.status_code < 300:
            made = answer.json() if answer.content else {}
