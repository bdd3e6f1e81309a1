"""``client.schedules``: when jobs run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Unpack, cast

from carillon_client.resources import Resource
from carillon_client.shapes import (
    Execution,
    NewScheduleInputFields,
    Outlook,
    Preview,
    PreviewInputFields,
    Schedule,
    ScheduleChanges,
)
from carillon_client.transport import quoted


class Schedules(Resource):
    """Schedules of the tenant's jobs."""

    path = "schedules"

    def list(self, **filters: Any) -> Iterator[Schedule]:
        """Newest first: ``job=``, ``state=``, ``kind=``, ``queue=``."""
        return self._transport.pages(self.path, filters)

    def get(self, id: str) -> Schedule:
        """One schedule."""
        return cast(Schedule, self._get(quoted(id)))

    def create(self, **schedule: Unpack[NewScheduleInputFields]) -> Schedule:
        """A further schedule of a ``job``."""
        return cast(Schedule, self._post("", schedule))

    def patch(self, id: str, /, *, if_match: str | None = None, **changes: Unpack[ScheduleChanges]) -> Schedule:
        """Change some of it. A changed rule begins after now."""
        return cast(
            Schedule, self._transport.send("PATCH", f"{self.path}/{quoted(id)}", body=changes, if_match=if_match)
        )

    def delete(self, id: str) -> None:
        """End it; its executions stay."""
        self._transport.send("DELETE", f"{self.path}/{quoted(id)}")

    def pause(self, id: str) -> Schedule:
        """Hold it."""
        return cast(Schedule, self._post(f"{quoted(id)}/pause"))

    def resume(self, id: str) -> Schedule:
        """Go on; its misfire policy decides about missed slots."""
        return cast(Schedule, self._post(f"{quoted(id)}/resume"))

    def executions(self, id: str, **filters: Any) -> Iterator[Execution]:
        """What became of its slots, newest first."""
        return self._transport.pages(f"{self.path}/{quoted(id)}/executions", filters)

    def explain(self, id: str) -> Outlook:
        """Why it runs, or does not, in words and codes."""
        return cast(Outlook, self._get(f"{quoted(id)}/explain"))

    def preview(self, **rule: Unpack[PreviewInputFields]) -> Preview:
        """When a rule would fire, in words and instants. Nothing is stored."""
        return cast(Preview, self._post("preview", rule))
