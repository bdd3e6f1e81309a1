"""Secrets: what there is and who uses it. Values go in, and never come out."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.enums import ActionVariant

from jobs.admin import secret_forms
from jobs.admin.secret_forms import Deleting, Described, NewVersion, Other
from jobs.services import secret_uses
from jobs.services import secrets as service
from tenants import marks, names
from tenants.admin import forms as console_forms
from tenants.admin import pages
from tenants.admin.dialogs import Dialog, dialog
from tenants.models import Secret
from tenants.services import secrets
from tenants.services.secrets import TEXT

#: Jobs shown on the page of a secret.
MOST_JOBS = 20


@admin.register(Secret)
class SecretAdmin(pages.ConsoleAdmin):
    """Every tenant's secrets."""

    title = "Secrets"
    change_form_template = "console/secret.html"
    empty_hint = (
        "Payloads name a secret as {{ secrets.name }}, or a connection by its name; only workers read the values."
    )
    add_label = "New secret"
    list_display = ("called", "kind", "in_force", "tenant", "used", "about")
    list_filter = (("tenant", AutocompleteSelectFilter),)
    search_fields = ("name",)
    search_help_text = "Name"
    actions_detail = ("new_version", "rollback", "test", "describe", "discard", "delete")
    read_permission = add_permission = secrets.PERMISSION
    button_permissions = dict.fromkeys(actions_detail, secrets.PERMISSION)

    def for_list(self, queryset: QuerySet[Secret]) -> QuerySet[Secret]:
        return queryset.select_related("tenant")

    @admin.display(description="Name")
    def called(self, secret: Secret) -> Any:
        return marks.shortened(secret.name, 40)

    @admin.display(description="Version")
    def in_force(self, secret: Secret) -> int:
        return secret.version

    @admin.display(description="Last used")
    def used(self, secret: Secret) -> Any:
        return marks.instant(secret.last_used_at)

    @admin.display(description="Description")
    def about(self, secret: Secret) -> Any:
        return marks.shortened(secret.description, 60)

    def detail(self, request: HttpRequest, row: Secret) -> dict[str, Any]:
        facts = [
            ("Kind", row.kind),
            ("Version in force", row.version),
            ("In expressions", marks.code("{{ secrets." + row.name + " }}") if row.kind == TEXT else marks.NOTHING),
            ("Tenant", pages.link_to(row.tenant, row.tenant.name)),
            ("Description", row.description or marks.NOTHING),
            ("Last used", marks.instant(row.last_used_at)),
            ("Created", marks.instant(row.created_at)),
            ("Created by", names.called(row.created_by)),
            ("Value", "only workers can read it"),
        ]
        return {"facts": facts, "versions": _versions(row), "users": _users(row)}

    def offered(self, row: Secret) -> Collection[str]:
        others = {"rollback", "discard"} if row.versions.exclude(number=row.version).exists() else set()
        testing = {"test"} if row.kind != TEXT else set()
        return {"new_version", "describe", "delete"} | others | testing

    def add_page(self, request: HttpRequest) -> HttpResponse:
        kind = request.GET.get("kind", "")
        crumbs = [(self.title, self.list_url()), ("New secret", "")]
        context = {"title": "New secret", "crumbs": crumbs, "back": self.list_url(), "submit": "Create"}
        if kind not in dict(secret_forms.kind_choices()):
            chosen = secret_forms.Kind(request.POST or None)
            context |= {"submit": "Continue", "intro": "A text, or a connection with fields of its own."}
            return console_forms.page(request, chosen, carry_out=_asking_for(request.path), context=context)

        def carry_out(given: dict[str, Any]) -> str:
            said = {name: given[name] for name in ("tenant", "name", "description")}
            secret = service.create(**said, kind=kind, value=secret_forms.value_of(kind, given))
            return self.row_url(secret.pk)

        context["intro"] = f"Kind: {kind}. What is typed here is encrypted, and shown nowhere, now or later."
        form = secret_forms.NewSecret(kind, request.POST or None)
        return console_forms.page(request, form, carry_out=carry_out, context=context)

    @dialog(
        "New version",
        title="Put a new value in force?",
        description="In force for whatever starts from now on. The former one is kept: you can roll back to it.",
        icon="add",
        form=NewVersion,
        submit="Store",
        variant=ActionVariant.PRIMARY,
    )
    def new_version(self, request: HttpRequest, form: NewVersion) -> HttpResponse:
        secret = service.change(secret=form.row, value=secret_forms.value_of(form.row.kind, form.cleaned_data))
        message = f"Version {secret.version} of {secret.name} is in force."
        return self.done(request, message, self.row_url(secret.pk))

    @dialog("Describe", title="What is it for?", icon="edit", form=Described, submit="Save")
    def describe(self, request: HttpRequest, form: Described) -> HttpResponse:
        secret = service.change(secret=form.row, **form.cleaned_data)
        return self.done(request, f"{secret.name} is changed.", self.row_url(secret.pk))

    @dialog(
        "Roll back",
        title="Put another version in force?",
        description="In force for whatever starts from now on.",
        icon="undo",
        form=Other,
    )
    def rollback(self, request: HttpRequest, form: Other) -> HttpResponse:
        secret = service.rollback(secret=form.row, **form.cleaned_data)
        message = f"Version {secret.version} of {secret.name} is in force."
        return self.done(request, message, self.row_url(secret.pk))

    @dialog(
        "Discard version",
        title="Destroy a version's value?",
        description="Such as one that has leaked. It cannot be put in force again.",
        icon="delete_sweep",
        form=Other,
        submit="Discard",
        variant=ActionVariant.DANGER,
    )
    def discard(self, request: HttpRequest, form: Other) -> HttpResponse:
        secrets.discard(secret=form.row, **form.cleaned_data)
        message = f"Version {form.cleaned_data['version']} of {form.row.name} is gone."
        return self.done(request, message, self.row_url(form.row.pk))

    @dialog(
        "Test",
        title="Try this connection out?",
        description="A worker reaches its server, and logs in where it knows how. The execution's result says how far it got.",
        icon="network_check",
    )
    def test(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        execution = service.test_connection(secret=form.row)
        url = reverse("admin:jobs_execution_change", args=[execution.pk])
        return self.done(request, f"The test of {form.row.name} is under way.", url)

    @dialog(
        "Delete",
        title="Delete this secret?",
        description="All its versions are destroyed. This cannot be taken back.",
        icon="delete",
        form=Deleting,
        variant=ActionVariant.DANGER,
    )
    def delete(self, request: HttpRequest, form: Deleting) -> HttpResponse:
        name = form.row.name
        service.delete(secret=form.row, **form.cleaned_data)
        return self.done(request, f"The secret {name} is deleted.", self.list_url())


def _asking_for(path: str) -> Callable[[dict[str, Any]], str]:
    """To the same form, now of the chosen kind."""
    return lambda given: f"{path}?{urlencode({'kind': given['kind']})}"


def _versions(secret: Secret) -> dict[str, Any]:
    rows = [
        (
            version.number,
            marks.state("active") if version.number == secret.version else "kept",
            marks.instant(version.created_at),
            names.of_row(version, "created_by"),
        )
        for version in names.with_keys(secret.versions.order_by("-number"), "created_by")
    ]
    return {"title": "Versions", "headers": ("Version", "State", "Stored", "By"), "rows": rows}


def _users(secret: Secret) -> dict[str, Any]:
    users = secret_uses.users_of(secret).order_by("-pk")[:MOST_JOBS]
    rows = [(pages.link_to(job, job.name), job.type, marks.state(job.state)) for job in users]
    title = "Used by jobs" + (f", the newest {MOST_JOBS}" if len(rows) == MOST_JOBS else "")
    return {"title": title, "headers": ("Job", "Type", "State"), "rows": rows, "empty": "No job names it."}
