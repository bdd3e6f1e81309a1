"""What the reference executor's work says arrives in the order in which it was said."""

from __future__ import annotations

from typing import Any

from carillon_client.tasks import Task

CLAIMED = {"execution": "e", "attempt": 1, "payload": {}, "idempotency_key": "e", "token": "t"}


class Heard:
    """A server that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def post(self, path: str, body: Any, **_: Any) -> Any:
        lines = [line["message"] for line in body.get("lines", [])]
        self.told += lines or [f"{path.rpartition('/')[2]} {body.get('fraction', '')}".strip()]
        return {"cancel": False}


def test_progress_stands_behind_what_was_logged_before_it() -> None:
    heard: Any = Heard()
    task = Task(heard, CLAIMED)
    task.log("reading")
    task.progress(0.4)
    task.log("read")
    task.end("complete")
    assert heard.told == ["reading", "progress 0.4", "read", "complete"]
