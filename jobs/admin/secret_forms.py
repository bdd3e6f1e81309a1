"""What an operator fills in of a secret. A value that was sent is in no page, also where it is refused and asked for again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from django import forms
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from unfold import widgets

from jobs import connections
from tenants import names
from tenants.admin import forms as console_forms
from tenants.admin.dialogs import Dialog
from tenants.models import Secret
from tenants.rules.maskable import SHORTEST
from tenants.services.secrets import TEXT

_OFF = {"autocomplete": "off", "spellcheck": "false"}
#: Of several lines, which a password field would join.
_LONG_SECRETS = {"private_key"}
#: Seldom changed: asked for at the end.
_LAST = ("tls", "security", "ca")


class Hidden(widgets.UnfoldAdminTextareaWidget):  # type: ignore[misc]
    """A text area that never shows what was sent, and shows dots for what is typed."""

    def format_value(self, value: Any) -> str:
        return ""


def _long(**options: Any) -> forms.CharField:
    widget = Hidden(attrs={**_OFF, "rows": 4})
    widget.attrs["class"] = f"{widget.attrs.get('class', '')} console-hidden"
    return forms.CharField(strip=False, widget=widget, **options)


def kind_choices() -> list[tuple[str, str]]:
    """What a secret may be."""
    known = [(kind, f"{kind}: {found.title}") for kind, found in sorted(connections.types().items())]
    return [(TEXT, "text: a token, a key, a password"), *known]


def value_fields(kind: str) -> dict[str, forms.Field]:
    """What a value of this kind consists of, by name."""
    if kind == TEXT:
        return {"value": _long(help_text=f"At least {SHORTEST} characters. It is shown nowhere, now or later.")}
    fields = connections.types()[kind].model_fields
    return {name: _field(name, fields[name]) for name in sorted(fields, key=lambda name: name in _LAST)}


def value_of(kind: str, given: Mapping[str, Any]) -> str | dict[str, Any]:
    """The value as the service takes it; what was left empty is left out."""
    if kind == TEXT:
        return str(given["value"])
    named = {name: given[name] for name in connections.types()[kind].model_fields}
    return {name: value for name, value in named.items() if value not in (None, "", [])}


def _field(name: str, field: FieldInfo) -> forms.Field:
    options: dict[str, Any] = {"help_text": field.description or "", "required": field.is_required()}
    if field.title:
        options["label"] = field.title
    if not field.is_required() and field.default is not None:
        options["initial"] = field.default
    core = _core(field.annotation)
    if get_origin(core) is Literal:
        choices = [(choice, choice) for choice in get_args(core)]
        return forms.ChoiceField(choices=choices, widget=widgets.UnfoldAdminSelectWidget, **options)
    if get_origin(core) is list:
        return console_forms.LinesField(**options)
    if core is bool:
        return forms.BooleanField(widget=widgets.UnfoldBooleanWidget, **{**options, "required": False})
    if core is int:
        return forms.IntegerField(widget=widgets.UnfoldAdminIntegerFieldWidget, **options)
    return _long(**options) if name in _LONG_SECRETS else _short(name, secret=core is SecretStr, **options)


def _short(name: str, *, secret: bool, **options: Any) -> forms.CharField:
    if name == "ca":
        return forms.CharField(widget=widgets.UnfoldAdminTextareaWidget(attrs={**_OFF, "rows": 4}), **options)
    if not secret:
        return forms.CharField(widget=widgets.UnfoldAdminTextInputWidget(attrs=_OFF), **options)
    widget = widgets.UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
    return forms.CharField(strip=False, widget=widget, **options)


def _core(annotation: Any) -> Any:
    """The type behind optional ones and marks."""
    if get_origin(annotation) in (Literal, list) or isinstance(annotation, type):
        return annotation
    return next(core for part in get_args(annotation) if (core := _core(part)) is not type(None))


class Kind(forms.Form):
    """What the secret shall be: it decides what is asked for."""

    kind = forms.ChoiceField(
        choices=kind_choices, widget=widgets.UnfoldAdminSelectWidget, help_text="It cannot be changed later."
    )


class NewSecret(forms.Form):
    """A secret to be, of a kind that is known."""

    tenant = console_forms.tenant_field(Secret)
    name = forms.CharField(
        max_length=64,
        widget=widgets.UnfoldAdminTextInputWidget(attrs=_OFF),
        help_text="It cannot be changed later. A letter, then letters, digits, underscores, such as stripe_key.",
    )
    description = forms.CharField(max_length=500, required=False, widget=widgets.UnfoldAdminTextInputWidget)

    def __init__(self, kind: str, data: Any = None) -> None:
        super().__init__(data)
        self.fields.update(value_fields(kind))


class NewVersion(Dialog):
    """A whole new value."""

    def __init__(self, row: Secret, data: Any = None) -> None:
        super().__init__(row, data)
        self.fields.update(value_fields(row.kind))


class Described(Dialog):
    """What it is for."""

    description = forms.CharField(max_length=500, required=False, widget=widgets.UnfoldAdminTextInputWidget)

    def __init__(self, row: Secret, data: Any = None) -> None:
        super().__init__(row, data)
        self.initial = {"description": row.description}


class Other(Dialog):
    """One of its versions that is not in force."""

    version = forms.TypedChoiceField(coerce=int, widget=widgets.UnfoldAdminSelectWidget)

    def __init__(self, row: Secret, data: Any = None) -> None:
        super().__init__(row, data)
        others = names.with_keys(row.versions.exclude(number=row.version), "created_by").order_by("-number")
        self.fields["version"].choices = [  # type: ignore[attr-defined]
            (
                version.number,
                f"{version.number}, of {version.created_at:%Y-%m-%d %H:%M} UTC by {names.of_row(version, 'created_by')}",
            )
            for version in others
        ]


class Deleting(Dialog):
    """Whether also while jobs use it."""

    force = forms.BooleanField(
        required=False, label="Also while jobs use it: they fail from then on", widget=widgets.UnfoldBooleanWidget
    )
