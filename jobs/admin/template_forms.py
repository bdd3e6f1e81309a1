"""What an operator fills in of a template, and of the job that is to be made of it."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.utils.html import escape
from unfold import widgets

from jobs.models import JobTemplate
from jobs.rules import template_parameters
from jobs.rules.template_parameters import Parameter
from jobs.services.job_templates import TemplateFields, Wish
from tenants.admin import forms as console_forms
from tenants.admin.dialogs import Dialog, Editing

_TEXT = widgets.UnfoldAdminTextInputWidget
#: From this length on a text has more than one line.
_LONG = 200
#: Capital, so that no parameter is called so.
NAME = "Name"


class _Json(console_forms.JsonObjectField):
    """A long one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.widget.attrs["rows"] = 14


class Fields(forms.Form):
    """What is asked of each."""

    name = forms.CharField(max_length=100, widget=_TEXT)
    description = forms.CharField(max_length=1000, required=False, widget=_TEXT)
    category = forms.CharField(max_length=64, required=False, widget=_TEXT)
    parameters = _Json(
        required=False,
        help_text="JSON Schema: an object whose properties are string, number, integer or boolean. It becomes a form.",
    )
    body = _Json(
        help_text="A job as POST /jobs takes it, schedules included. &lt;&lt;name&gt;&gt; stands for a parameter."
    )
    active = forms.BooleanField(
        required=False,
        initial=True,
        widget=widgets.UnfoldBooleanSwitchWidget,
        help_text="One that is not makes no jobs.",
    )


class NewTemplate(Fields):
    """A template to be."""

    tenant = console_forms.tenant_field(JobTemplate)
    field_order = ("tenant", "name")


class Changes(Editing, Fields):
    """What may be changed: all of it."""


class Filling(Dialog):
    """Its parameters as a form."""

    def __init__(self, row: JobTemplate, data: Any = None) -> None:
        super().__init__(row, data)
        self.fields[NAME] = forms.CharField(
            max_length=200, required=False, widget=_TEXT, help_text="Of the job. Empty for the template's."
        )
        self.fields |= {each.name: _field(each) for each in in_order(row)}

    def wish(self) -> Wish:
        """The job that was asked for; what was left empty is left out."""
        given = {name: value for name, value in self.cleaned_data.items() if name != NAME}
        wish = Wish(parameters={name: value for name, value in given.items() if value not in (None, "")})
        if self.cleaned_data[NAME]:
            wish["name"] = self.cleaned_data[NAME]
        return wish


def in_order(template: JobTemplate) -> list[Parameter]:
    """Its parameters, what is required first: the database keeps no order."""
    found = template_parameters.parse(template.parameters).values()
    return sorted(found, key=lambda each: (not each.required, each.name))


def fields_of(given: dict[str, Any]) -> TemplateFields:
    """What was filled in, as the service takes it."""
    return cast(TemplateFields, {name: given[name] for name in Fields.base_fields})


def _field(parameter: Parameter) -> forms.Field:
    common: dict[str, Any] = {
        "label": parameter.name,
        "help_text": escape(parameter.description),  # the theme takes it for HTML
        "initial": parameter.default,
        "required": parameter.required,
    }
    match parameter.type:
        case "boolean":
            return forms.BooleanField(**common | {"required": False}, widget=widgets.UnfoldBooleanSwitchWidget)
        case _ if parameter.enum:
            choices = [(each, each) for each in parameter.enum]
            nothing = [] if parameter.required or parameter.default is not None else [("", "–")]
            coerce: Any = {"string": str, "integer": int, "number": float}[parameter.type]
            return forms.TypedChoiceField(
                **common,
                choices=nothing + choices,
                coerce=coerce,
                empty_value=None,
                widget=widgets.UnfoldAdminSelectWidget,
            )
        case "integer":
            return forms.IntegerField(**common, widget=widgets.UnfoldAdminIntegerFieldWidget)
        case "number":
            return forms.FloatField(**common, widget=widgets.UnfoldAdminDecimalFieldWidget)
    widget = _TEXT if parameter.max_length <= _LONG else widgets.UnfoldAdminTextareaWidget(attrs={"rows": 2})
    return forms.CharField(**common, max_length=parameter.max_length, strip=False, widget=widget)
