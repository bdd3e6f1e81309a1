"""API keys: making or rotating one shows its text once; revoking it is for ever."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from unfold import widgets
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.enums import ActionVariant

from tenants import actors, marks, names
from tenants.admin import forms as console_forms
from tenants.admin import pages
from tenants.admin.dialogs import Dialog, Editing, dialog
from tenants.models import ApiKey
from tenants.rules import permissions
from tenants.services import api_keys as service

_ADDRESSES = "Addresses and networks it may be used from, one a line, such as 203.0.113.7 or 10.0.0.0/8. Empty for any."


def _scopes(known: Iterable[str], help_text: str) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in known],
        initial=["jobs:read", "executions:read", "logs:read"],
        widget=widgets.UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=help_text,
    )


class NewKey(forms.Form):
    """A key to be."""

    tenant = console_forms.tenant_field(ApiKey)
    name = forms.CharField(
        max_length=100,
        widget=widgets.UnfoldAdminTextInputWidget,
        help_text="What will use it, such as: billing service.",
    )
    scopes = _scopes(
        (*permissions.OF_TENANTS, permissions.PLATFORM),
        "admin includes all above it. platform, for keys of no tenant alone, changes what is every tenant's.",
    )
    days = forms.IntegerField(
        min_value=1,
        max_value=3650,
        required=False,
        label="Expires after, in days",
        widget=widgets.UnfoldAdminIntegerFieldWidget,
        help_text="Empty for never.",
    )
    addresses = console_forms.LinesField(required=False, help_text=_ADDRESSES)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if actors.may(permissions.PLATFORM):
            self.fields["tenant"].required = False
            self.fields["tenant"].help_text = "Empty for a key of the platform, which names a tenant with ?tenant=slug."
        else:
            self.fields["scopes"] = _scopes(permissions.OF_TENANTS, "admin includes all above it.")


class Changes(Editing):
    """What may be changed of a key."""

    name = forms.CharField(max_length=100, widget=widgets.UnfoldAdminTextInputWidget)
    addresses = console_forms.LinesField(required=False, help_text=_ADDRESSES)


class Rotation(Dialog):
    """How long both keys are good."""

    hours = forms.IntegerField(
        min_value=0,
        max_value=int(service.LONGEST_OVERLAP.total_seconds() // 3600),
        initial=24,
        label="Hours for which the old key stays good",
        widget=widgets.UnfoldAdminIntegerFieldWidget,
        help_text="0 revokes it at once.",
    )


@admin.register(ApiKey)
class ApiKeyAdmin(pages.ConsoleAdmin):
    """Every tenant's keys. The texts are kept nowhere."""

    read_permission = permissions.ADMIN
    add_permission = permissions.ADMIN
    title = "API keys"
    empty_hint = "Programs speak to the API with a key of their tenant, operators' programs with one of the platform."
    add_label = "New API key"
    list_display = ("prefix", "name", "standing", "whose", "may", "used", "expires")
    list_filter = (("tenant", AutocompleteSelectFilter),)
    actions_detail = ("edit", "rotate", "revoke")

    def for_list(self, queryset: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
        return queryset.select_related("tenant")

    @admin.display(description="Key")
    def prefix(self, key: ApiKey) -> str:
        return f"ck_{key.key_id}…"

    @admin.display(description="State")
    def standing(self, key: ApiKey) -> str:
        return marks.state(_standing(key))

    @admin.display(description="Tenant")
    def whose(self, key: ApiKey) -> str:
        return key.tenant.name if key.tenant else _PLATFORMS

    @admin.display(description="Scopes")
    def may(self, key: ApiKey) -> str:
        return marks.shortened(", ".join(key.scopes), 60)

    @admin.display(description="Last used")
    def used(self, key: ApiKey) -> str:
        return marks.instant(key.last_used_at)

    @admin.display(description="Expires")
    def expires(self, key: ApiKey) -> str:
        return marks.instant(key.expires_at)

    def name_of(self, row: ApiKey) -> str:
        return row.name

    def detail(self, request: HttpRequest, row: ApiKey) -> dict[str, Any]:
        facts = [
            ("State", marks.state(_standing(row))),
            ("Begins with", marks.code(f"ck_{row.key_id}")),
            ("Tenant", pages.link_to(row.tenant, row.tenant.name) if row.tenant else _PLATFORMS),
            ("Scopes", ", ".join(row.scopes)),
            ("May be used from", ", ".join(row.addresses) or "anywhere"),
            ("Created", marks.instant(row.created_at)),
            ("Created by", names.called(row.created_by)),
            ("Last used", marks.instant(row.last_used_at)),
            ("Last used from", row.last_used_address or marks.NOTHING),
            ("Expires", marks.instant(row.expires_at)),
            ("Revoked", marks.instant(row.revoked_at)),
        ]
        return {"facts": facts}

    def offered(self, row: ApiKey) -> Collection[str]:
        if row.revoked_at:
            return []
        return self.actions_detail if row.is_live(timezone.now()) else ["revoke"]

    def add_page(self, request: HttpRequest) -> HttpResponse:
        crumbs = [(self.title, self.list_url()), ("New API key", "")]
        context = {"title": "New API key", "crumbs": crumbs, "back": self.list_url(), "submit": "Create"}

        def carry_out(given: dict[str, Any]) -> HttpResponse:
            expires_at = timezone.now() + timedelta(days=given["days"]) if given["days"] else None
            key, text = service.create(
                tenant=given["tenant"],
                name=given["name"],
                scopes=given["scopes"],
                expires_at=expires_at,
                addresses=given["addresses"],
            )
            return self._shown_once(request, key, text, context)

        return console_forms.page(request, NewKey(request.POST or None), carry_out=carry_out, context=context)

    def _shown_once(self, request: HttpRequest, key: ApiKey, text: str, context: dict[str, Any]) -> HttpResponse:
        shown = {**admin.site.each_context(request), **context, "key": key, "text": text, "url": self.row_url(key.pk)}
        return render(request, "console/new_key.html", shown)

    @dialog(
        "Edit",
        title="Name and addresses",
        description="In force at its next request.",
        icon="edit",
        permission=permissions.ADMIN,
        form=Changes,
        submit="Save",
    )
    def edit(self, request: HttpRequest, form: Changes) -> HttpResponse:
        fields: Any = form.cleaned_data
        key = service.update(key=form.row, fields=fields)
        return self.done(request, f"The key {key.name} is changed.", self.row_url(key.pk))

    @dialog(
        "Rotate",
        title="Rotate this key?",
        description="Makes its successor, with the same name, scopes and addresses. Both are good for a while.",
        icon="autorenew",
        permission=permissions.ADMIN,
        form=Rotation,
    )
    def rotate(self, request: HttpRequest, form: Rotation) -> HttpResponse:
        key, text = service.rotate(key=form.row, overlap=timedelta(hours=form.cleaned_data["hours"]))
        crumbs = [(self.title, self.list_url()), (key.name, "")]
        return self._shown_once(request, key, text, {"title": "New API key", "crumbs": crumbs})

    @dialog(
        "Revoke",
        title="Revoke this key?",
        description="Whatever uses it is refused from now on. This cannot be taken back.",
        icon="block",
        variant=ActionVariant.DANGER,
        permission=permissions.ADMIN,
    )
    def revoke(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        service.revoke(key=form.row)
        return self.done(request, f"The key {form.row.name} is revoked.", self.row_url(form.row.pk))


_PLATFORMS = "the platform itself"


def _standing(key: ApiKey) -> str:
    if key.revoked_at:
        return "revoked"
    return "live" if key.is_live(timezone.now()) else "expired"
