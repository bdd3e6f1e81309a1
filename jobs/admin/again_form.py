"""A dialog that runs something again: what it will work on is shown, to be edited."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold import widgets

from jobs.models import Execution
from tenants import actors
from tenants.admin import forms as console_forms
from tenants.admin.dialogs import Dialog


def with_downstream() -> forms.BooleanField:
    """Whether what runs again starts what comes after it."""
    return forms.BooleanField(
        required=False,
        label="With downstream",
        help_text="Start the jobs that depend on it, too, as one workflow run.",
        widget=widgets.UnfoldBooleanWidget,
    )


class Again(Dialog):
    """The payload that the next run gets; what differs from it when the form is posted are the overrides."""

    payload = console_forms.JsonObjectField(required=False, label="Payload")
    with_downstream = with_downstream()

    def __init__(self, row: Any, data: Any = None) -> None:
        super().__init__(row, data)
        self.shown = _payload(self.former())
        self.initial["payload"] = self.shown
        field = self.fields["payload"]
        if self.shown:
            field.help_text = "What it gets if nothing is changed. What you change holds for this run."
        else:
            field.label, field.help_text = "Payload overrides", "A JSON object; goes over the payload, key by key."

    def former(self) -> Execution | None:
        """What is run again, if it is still kept."""
        raise NotImplementedError

    def clean_payload(self) -> dict[str, Any]:
        """Only what was changed: a value that stays may hold expressions, and is the job's to say."""
        given: dict[str, Any] = self.cleaned_data["payload"]
        missing = sorted(set(self.shown) - set(given)) if given else []
        if missing:
            raise forms.ValidationError(f"leave {missing[0]} in: an override can change a key and not take it out")
        return {key: value for key, value in given.items() if key not in self.shown or self.shown[key] != value}


def _payload(execution: Execution | None) -> dict[str, Any]:
    """The job's newest payload with the overrides over it, for who may see it."""
    if execution is None or not actors.may("payloads:read"):
        return {}
    return {**execution.job.payload, **(execution.payload or {})}
