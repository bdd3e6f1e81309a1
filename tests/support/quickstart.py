"""A page's blocks of code, and whether an answer is like the one that is shown."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_BLOCK = re.compile(r"^```(bash|python|json|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: What is said in so many words; other texts are examples.
EXACT = {"name", "state", "code", "type", "trigger", "kind", "note"}


@dataclass(frozen=True)
class Step:
    """A block to run, and what is shown beneath it: of which kind, and its text."""

    language: str
    code: str
    kind: str = ""
    shown: str = ""


def steps(page: Path, language: str) -> list[Step]:
    """Blocks of a language in order, each with the answer that follows it."""
    blocks = [(match[1], match[2]) for match in _BLOCK.finditer(page.read_text())]
    found = []
    for (kind, text), (next_kind, next_text) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        if kind == language:
            found.append(Step(kind, text, *((next_kind, next_text) if next_kind in ("json", "text") else ())))
    return found


def check(step: Step, output: str) -> None:
    """Fails unless the output is like what is shown."""
    if step.kind == "json":
        # The last answer is the one that is shown.
        answer = [line for line in output.splitlines() if line.startswith("{")][-1]
        alike(json.loads(step.shown), _first(answer), step.code)
    elif step.language == "bash":
        at = -1
        for line in step.shown.splitlines():
            at = output.find(line, at + 1)
            assert at >= 0 or "grep" in step.code, f"{line!r} is shown and not in\n{output}"
    elif step.kind == "text":
        assert output == step.shown


def _first(text: str) -> Any:
    return json.JSONDecoder().raw_decode(text)[0]


def alike(shown: Any, real: Any, where: str) -> None:
    """Every field that is shown is there, with a value of its type."""
    if isinstance(shown, dict):
        assert isinstance(real, dict), where
        for name, value in shown.items():
            assert name in real, f"{where}: no {name} in {real}"
            if name in EXACT and "…" not in str(value):
                assert real[name] == value, f"{where}: {name} is {real[name]}"
            alike(value, real[name], f"{where} .{name}")
    elif isinstance(shown, list):
        assert isinstance(real, list), where
        assert len(real) >= len(shown), f"{where}: {real}"
        for one, other in zip(shown, real, strict=False):
            alike(one, other, where)
    elif isinstance(shown, int | float) and not isinstance(shown, bool):
        assert isinstance(real, int | float), where
    else:
        assert type(real) is type(shown), f"{where}: {real!r} is not like {shown!r}"
