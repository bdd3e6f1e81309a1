"""Buttons. Each opens a dialog, and only what the dialog posts is carried out.

The theme would run an action on a plain GET, with no CSRF check; so every button of the console is made
by :func:`dialog`, which answers GET with a question and nothing else. A refusal by the service is shown
in the dialog, where the operator still sees what was asked for. Opened in a tab of its own, or without
scripts, the dialog is a page.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django import forms
from django.db.models import Model
from django.forms.models import model_to_dict
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from unfold import widgets
from unfold.enums import ActionVariant

from tenants import requests
from tenants.admin.forms import refuse
from tenants.errors import ServiceError
from tenants.rules import permissions


class Dialog(forms.Form):
    """A question about a row; subclasses add fields and may fill them from the row, or from the link that leads here."""

    #: Fields that such a link may fill.
    from_link: Collection[str] = ()

    def __init__(self, row: Any, data: Any = None) -> None:
        super().__init__(data)
        self.row = row

    def about(self) -> tuple[str, str] | None:
        """Words of somebody's that are decided on, as they were written, and whose they are; None where there are none."""
        return None


class Editing(Dialog):
    """A dialog of a row's own fields: it begins with what the row has, or with defaults where there is none yet."""

    def __init__(self, row: Model | None, data: Any = None) -> None:
        super().__init__(row, data)
        if row is not None:
            self.initial = model_to_dict(row, list(self.fields))


class _Reasoned(forms.Form):
    """What is asked before something ends or is undone: the audit trail keeps it."""

    because = forms.CharField(
        required=False,
        max_length=requests.LONGEST_REASON,
        label="Reason",
        help_text="For the audit trail.",
        widget=widgets.UnfoldAdminTextInputWidget,
    )

    def clean_because(self) -> str:
        """Not handed to the service, but noted for whatever it records."""
        reason = str(self.cleaned_data["because"]).strip()
        if not reason.isprintable():
            raise forms.ValidationError("must not hold control characters")
        requests.because(reason or requests.current().reason)
        return reason

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        self.cleaned_data.pop("because", None)


class _MustSayWhy(_Reasoned):
    """Where the service refuses whoever gives none."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["because"].required = True


#: ``answer(admin, request, form)`` calls the service for ``form.row`` and says where to go.
Answer = Callable[[Any, HttpRequest, Any], HttpResponse]


@dataclass(frozen=True, slots=True)
class Question:
    """What a dialog says."""

    title: str
    description: str
    submit: str
    danger: bool


def dialog(
    label: str,
    *,
    title: str,
    icon: str,
    description: str = "",
    form: type[Dialog] = Dialog,
    submit: str = "",
    variant: ActionVariant = ActionVariant.DEFAULT,
    permission: str = permissions.PLATFORM,
    asks_why: bool = False,
    must_say_why: bool = False,
) -> Callable[[Answer], Any]:
    """Make a method the button ``label`` of a row's page, for whoever has ``permission``.

    Why is asked of what ends something, and where ``asks_why`` says so; with ``must_say_why`` it has to be said.
    """
    question = Question(title, description, submit or label, danger=variant is ActionVariant.DANGER)
    if question.danger or asks_why:
        asking = _MustSayWhy if must_say_why else _Reasoned
        form = type(form.__name__, (asking, form), {"__doc__": form.__doc__})

    def decorate(answer: Answer) -> Any:
        @wraps(answer)
        def view(admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
            needed = admin.needs(answer.__name__)
            admin.require_look()
            admin.require(needed)
            row = admin.row(request, object_id)
            if row is None:
                return admin.gone(request, object_id)  # type: ignore[no-any-return]
            admin.require(needed, row)
            if request.method == "GET":
                asked = form(row)
                asked.initial.update((name, request.GET[name]) for name in asked.from_link if name in request.GET)
                return _ask(admin, request, question, asked)
            if request.method != "POST":
                return HttpResponseNotAllowed(["GET", "POST"])
            return _carry_out(admin, request, question, answer, form(row, request.POST))

        # What the theme reads of a button.
        view.__dict__.update(short_description=label, icon=icon, variant=variant, dialog=question, attrs={})
        view.__dict__.update(allowed_permissions=["view"], permission=permission)
        return view

    return decorate


def together(label: str, *, permission: str) -> Callable[[Callable[..., Any]], Any]:
    """Make a method what a list offers for the rows that are chosen, to whoever has ``permission``."""

    def decorate(act: Callable[..., Any]) -> Any:
        act.__dict__.update(short_description=label, permission=permission)
        return act

    return decorate


def _carry_out(admin: Any, request: HttpRequest, question: Question, answer: Answer, form: Dialog) -> HttpResponse:
    if form.is_valid():
        try:
            return answer(admin, request, form)
        except ServiceError as error:
            refuse(form, error)
    return _ask(admin, request, question, form)


def _ask(admin: Any, request: HttpRequest, question: Question, form: Dialog) -> HttpResponse:
    name, back = admin.name_of(form.row), admin.row_url(form.row.pk)
    context = {
        **admin.admin_site.each_context(request),
        "title": question.title,
        "crumbs": [(admin.title, admin.list_url()), (name, back), (question.submit, "")],
        "question": question,
        "form": form,
        "back": back,
    }
    return render(request, "console/dialog.html", context)


def go(request: HttpRequest, url: str) -> HttpResponse:
    """Leave the dialog for a page, whether a script or the browser itself posted it."""
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": url})
    return redirect(url)
