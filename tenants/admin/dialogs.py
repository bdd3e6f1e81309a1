"""Buttons. Each opens a dialog, and only what the dialog posts is carried out.

The theme runs an action without a dialog on a plain GET, with no CSRF check: so every action of the
console is made by :func:`dialog`, which has none without. A refusal by the service is shown in the
dialog, where the operator still sees what was asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from unfold.dataclasses import ActionDialog
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm

from tenants.admin.forms import refuse
from tenants.errors import ServiceError

Answer = Callable[[Any, HttpRequest, Any, str], HttpResponse]


class Dialog(BaseDialogForm):  # type: ignore[misc]
    """A question; subclasses add fields. ``note`` says what will happen to this very object."""

    form_before_template = "console/dialog_note.html"

    def get_before_template_context(self, request: HttpRequest, object_id: str | None = None) -> dict[str, Any]:  # noqa: ARG002
        return {"problems": self.non_field_errors() if self.is_bound else [], "note": self.note()}

    def note(self) -> str:
        """A sentence on what it is about."""
        return ""


def dialog(
    label: str,
    *,
    title: str,
    description: str,
    icon: str,
    form: type[forms.Form] = Dialog,
    submit: str = "",
    variant: ActionVariant = ActionVariant.DEFAULT,
) -> Callable[[Answer], Any]:
    """Make ``method(admin, request, form, object_id)`` the button ``label`` of an object's page."""
    submit = submit or label
    spec = ActionDialog(title=title, description=description, form_class=form, form_submit_text=submit)

    def decorate(method: Answer) -> Any:
        @wraps(method)
        def carry_out(admin: Any, request: HttpRequest, form: forms.Form, object_id: str = "") -> HttpResponse:
            try:
                return method(admin, request, form, object_id)
            except ServiceError as error:
                refuse(form, error)
                context = {"dialog": spec, "form": form, "form_submit_text": submit}
                return render(request, "unfold/helpers/dialog.html", context)

        return action(description=label, icon=icon, variant=variant, dialog=spec, permissions=["view"])(carry_out)

    return decorate


def go(request: HttpRequest, url: str) -> HttpResponse:
    """Leave the dialog for a page, whether a script or the browser itself posted it."""
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": url})
    return redirect(url)
