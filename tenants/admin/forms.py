"""What an operator fills in: fields, refusals beside them, and whole-page forms for what is too long for a dialog."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from unfold import widgets

from tenants import actors
from tenants.errors import ServiceError

#: What a form says of the tenant it was opened in: in another tab another one may have been chosen meanwhile.
_HERE = "working_in"
_ELSEWHERE = (
    "You have gone to another tenant since this form was opened, so nothing was stored: go back, or send it again."
)


def refuse(form: forms.Form, error: ServiceError) -> None:
    """Put a service's refusal beside the fields it names, and what names none on top."""
    placed = False
    for path, messages in error.details.items():
        first, *inside = re.split(r"[.\[\]]+", path)
        if first in form.fields and isinstance(messages, list):
            # What is inside a field is named in its message.
            form.add_error(first, [f"{path}: {text}" if inside else text for text in messages])
            placed = True
        elif isinstance(messages, list) and (name := next((each for each in inside if each in form.fields), None)):
            form.add_error(name, messages if name == inside[-1] else [f"{path}: {text}" for text in messages])
            placed = True
    if not placed:
        form.add_error(None, str(error))


def _as_code(widget: Any, *, rows: int) -> None:
    widget.attrs.update(rows=rows, spellcheck="false")
    widget.attrs["class"] = f"{widget.attrs.get('class', '')} console-code"


class JsonObjectField(forms.JSONField):
    """A JSON object in a text area. An empty one is the empty object."""

    widget = widgets.UnfoldAdminTextareaWidget

    def __init__(self, **options: Any) -> None:
        super().__init__(encoder=DjangoJSONEncoder, initial=dict, **options)
        _as_code(self.widget, rows=6)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return json.dumps(value, indent=2, ensure_ascii=False, cls=self.encoder)
        return super().prepare_value(value)

    def to_python(self, value: Any) -> Any:
        found = super().to_python(value)
        if found is None:
            return {}
        if not isinstance(found, dict):
            raise forms.ValidationError('must be a JSON object, such as {"key": "value"}')
        return found


class JsonListField(forms.JSONField):
    """A JSON list in a text area. An empty one is the empty list."""

    widget = widgets.UnfoldAdminTextareaWidget

    def __init__(self, **options: Any) -> None:
        super().__init__(encoder=DjangoJSONEncoder, initial=list, **options)
        _as_code(self.widget, rows=4)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, list):
            return json.dumps(value, indent=2, ensure_ascii=False, cls=self.encoder) if value else ""
        return super().prepare_value(value)

    def to_python(self, value: Any) -> Any:
        found = super().to_python(value)
        if found is None:
            return []
        if not isinstance(found, list):
            raise forms.ValidationError('must be a JSON list, such as [{"key": "value"}]')
        return found


class LinesField(forms.CharField):
    """A list of texts, one a line."""

    widget = widgets.UnfoldAdminTextareaWidget

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.widget.attrs.update(rows=3, spellcheck="false")

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return [line.strip() for line in (super().to_python(value) or "").splitlines() if line.strip()]


class TenantField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """A choice of tenant. Who works in one is not asked: it is theirs."""

    def __deepcopy__(self, memo: Any) -> TenantField:
        field: TenantField = super().__deepcopy__(memo)
        if (tenant := actors.current().tenant) is not None:
            field.disabled, field.initial, field.widget = True, tenant, forms.HiddenInput()
        return field


def tenant_field(model: type[Any]) -> TenantField:
    """A choice of tenant that finds by typing; ``model`` is what is to belong to it."""
    field = model._meta.get_field("tenant")
    widget = AutocompleteSelect(field, admin.site, attrs={"class": "unfold-admin-autocomplete admin-autocomplete"})
    return TenantField(queryset=field.remote_field.model.objects.all(), widget=widget)


def page(
    request: HttpRequest,
    form: forms.Form,
    *,
    carry_out: Callable[[dict[str, Any]], str | HttpResponse],
    context: dict[str, Any],
) -> HttpResponse:
    """A form as a page of its own. ``carry_out`` calls the service and says where to go next, or answers itself."""
    here = _here()
    if request.method == "POST" and request.POST.get(_HERE, here) != here:
        form.add_error(None, _ELSEWHERE)
    elif request.method == "POST" and form.is_valid():
        try:
            done = carry_out(form.cleaned_data)
        except ServiceError as error:
            refuse(form, error)
        else:
            return redirect(done) if isinstance(done, str) else done
    return _rendered(request, form, context)


def tried(request: HttpRequest, form: forms.Form, *, context: dict[str, Any]) -> HttpResponse:
    """The page with what was filled in, nothing stored and nothing refused: for what is shown while one types."""
    form.errors.clear()
    return _rendered(request, form, context)


def _here() -> str:
    tenant = actors.current().tenant
    return str(tenant.pk) if tenant else ""


def _rendered(request: HttpRequest, form: forms.Form, context: dict[str, Any]) -> HttpResponse:
    whole = {**admin.site.each_context(request), **context, "form": form, "here": _here()}
    return render(request, "console/form.html", whole)
