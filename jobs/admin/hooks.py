"""Hooks: addresses at which others report events. Making or rotating one shows its address or secret once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from unfold import widgets
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.enums import ActionVariant

from jobs.admin import received_events
from jobs.models import Hook, ReceivedEvent
from jobs.rules.webhook_signatures import Scheme
from jobs.services import hooks as service
from jobs.services.hooks import Shown
from tenants import actors, marks, names
from tenants.admin import forms as console_forms
from tenants.admin import pages
from tenants.admin.dialogs import Dialog, Editing, dialog
from tenants.api import sites

_SCHEMES = (
    (Scheme.STANDARD.value, "standard: Standard Webhooks, with webhook-signature"),
    (Scheme.GITHUB.value, "github: X-Hub-Signature-256"),
    (Scheme.NONE.value, "none: whoever knows the address may"),
)
_HEADERS = "Headers that filters may read, one a line: X-GitHub-Event is event.headers.x_github_event."
_MOST_SHOWN = 30


def _secret() -> forms.CharField:
    return forms.CharField(
        max_length=200,
        required=False,
        strip=False,
        widget=widgets.UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Where the sender has made one. Empty: one is made, and shown once.",
    )


class NewHook(forms.Form):
    """A hook to be."""

    tenant = console_forms.tenant_field(Hook)
    name = forms.CharField(
        max_length=64,
        widget=widgets.UnfoldAdminTextInputWidget,
        help_text="It cannot be changed later. Such as shop-orders.",
    )
    event = forms.CharField(
        max_length=100, widget=widgets.UnfoldAdminTextInputWidget, help_text="That it raises, such as order.paid."
    )
    scheme = forms.ChoiceField(
        choices=_SCHEMES,
        widget=widgets.UnfoldAdminSelectWidget,
        label="Signature",
        help_text="It cannot be changed later.",
    )
    secret = _secret()
    headers = console_forms.LinesField(required=False, help_text=_HEADERS)
    description = forms.CharField(max_length=500, required=False, widget=widgets.UnfoldAdminTextInputWidget)


class Changes(Editing):
    """What may be changed of a hook."""

    event = forms.CharField(max_length=100, widget=widgets.UnfoldAdminTextInputWidget)
    headers = console_forms.LinesField(required=False, help_text=_HEADERS)
    description = forms.CharField(max_length=500, required=False, widget=widgets.UnfoldAdminTextInputWidget)


class Rotation(Dialog):
    """How long both secrets are good."""

    hours = forms.IntegerField(
        min_value=0,
        max_value=int(service.LONGEST_OVERLAP.total_seconds() // 3600),
        initial=24,
        label="Hours for which the old secret stays good",
        widget=widgets.UnfoldAdminIntegerFieldWidget,
    )
    secret = _secret()


@admin.register(Hook)
class HookAdmin(pages.ConsoleAdmin):
    """Every tenant's hooks."""

    read_permission = "jobs:read"
    add_permission = service.PERMISSION
    title = "Hooks"
    empty_hint = (
        "A hook is an address at which somebody outside reports events: a shop, a payment provider, a repository."
    )
    add_label = "New hook"
    change_form_template = "console/hook.html"
    list_display = ("name", "standing", "raises", "signed", "tenant", "received")
    list_filter = (("tenant", AutocompleteSelectFilter),)
    search_fields = ("name",)
    search_help_text = "Name"
    actions_detail = ("edit", "rotate_secret", "rotate_token", "disable", "enable", "delete")
    button_permissions = dict.fromkeys(actions_detail, service.PERMISSION)

    def owner_of(self, row: Hook) -> str:
        return ""  # nobody's own

    def for_list(self, queryset: QuerySet[Hook]) -> QuerySet[Hook]:
        return queryset.select_related("tenant")

    @admin.display(description="State")
    def standing(self, hook: Hook) -> Any:
        return marks.state(_state(hook))

    @admin.display(description="Raises")
    def raises(self, hook: Hook) -> Any:
        return marks.code(hook.event)

    @admin.display(description="Signature")
    def signed(self, hook: Hook) -> str:
        return hook.scheme

    @admin.display(description="Last delivery")
    def received(self, hook: Hook) -> Any:
        return marks.instant(hook.last_received_at)

    def detail(self, request: HttpRequest, row: Hook) -> dict[str, Any]:
        facts = [
            ("State", marks.state(_state(row))),
            ("Raises the event", marks.code(row.event)),
            ("Signature", dict(_SCHEMES)[row.scheme]),
            ("Former secret good until", marks.instant(row.former_until)),
            ("Address", marks.code(f"/hooks/{row.hint}…")),
            ("Headers told", ", ".join(row.headers) or "none"),
            ("Tenant", pages.link_to(row.tenant, row.tenant.name)),
            ("Description", row.description or marks.NOTHING),
            ("Last delivery let in", marks.instant(row.last_received_at)),
            ("Created", marks.instant(row.created_at)),
            ("Created by", names.called(row.created_by)),
        ]
        return {"facts": facts, "deliveries": _deliveries(row)}

    def offered(self, row: Hook) -> Collection[str]:
        signed = {"rotate_secret"} if row.scheme != Scheme.NONE else set()
        return {"edit", "rotate_token", "delete", "disable" if row.enabled else "enable"} | signed

    def add_page(self, request: HttpRequest) -> HttpResponse:
        crumbs = [(self.title, self.list_url()), ("New hook", "")]
        context = {"title": "New hook", "crumbs": crumbs, "back": self.list_url(), "submit": "Create"}

        def carry_out(given: dict[str, Any]) -> HttpResponse:
            return self._shown_once(request, service.create(**{**given, "secret": given["secret"] or None}))

        return console_forms.page(request, NewHook(request.POST or None), carry_out=carry_out, context=context)

    def _shown_once(self, request: HttpRequest, shown: Shown) -> HttpResponse:
        hook, url = shown.hook, self.row_url(shown.hook.pk)
        context = {
            **admin.site.each_context(request),
            "title": hook.name,
            "crumbs": [(self.title, self.list_url()), (hook.name, url)],
            "hook": hook,
            "address": f"{sites.of(request)}/hooks/{shown.token}" if shown.token else "",
            "secret": shown.secret,
            "back": url,
        }
        return render(request, "console/new_hook.html", context)

    @dialog(
        "Edit",
        title="What it raises",
        description="From the next delivery on.",
        icon="edit",
        form=Changes,
        submit="Save",
    )
    def edit(self, request: HttpRequest, form: Changes) -> HttpResponse:
        fields: Any = form.cleaned_data
        hook = service.update(hook=form.row, fields=fields)
        return self.done(request, f"{hook.name} is changed.", self.row_url(hook.pk))

    @dialog(
        "Rotate secret",
        title="Sign deliveries with another secret?",
        description="Both secrets are good for a while, so that the sender can change over.",
        icon="autorenew",
        form=Rotation,
    )
    def rotate_secret(self, request: HttpRequest, form: Rotation) -> HttpResponse:
        given = form.cleaned_data
        overlap = timedelta(hours=given["hours"])
        shown = service.rotate_secret(hook=form.row, overlap=overlap, secret=given["secret"] or None)
        if not shown.secret:
            return self.done(request, f"{shown.hook.name} has another secret.", self.row_url(shown.hook.pk))
        return self._shown_once(request, shown)

    @dialog(
        "New address",
        title="Give it another address?",
        description="The old one is unknown from now on: deliveries there are refused.",
        icon="link",
        variant=ActionVariant.DANGER,
    )
    def rotate_token(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        return self._shown_once(request, service.rotate_token(hook=form.row))

    @dialog("Disable", title="Refuse deliveries?", description="Until it is enabled again.", icon="block")
    def disable(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        hook = service.disable(hook=form.row)
        return self.done(request, f"{hook.name} is disabled.", self.row_url(hook.pk))

    @dialog("Enable", title="Take deliveries again?", description="From now on.", icon="play_arrow")
    def enable(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        hook = service.enable(hook=form.row)
        return self.done(request, f"{hook.name} is enabled.", self.row_url(hook.pk))

    @dialog(
        "Delete",
        title="Delete this hook?",
        description="Its address is unknown from now on. This cannot be taken back.",
        icon="delete",
        variant=ActionVariant.DANGER,
    )
    def delete(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        name = form.row.name
        service.delete(hook=form.row)
        return self.done(request, f"The hook {name} is deleted.", self.list_url())


def _state(hook: Hook) -> str:
    return "active" if hook.enabled else "disabled"


def _deliveries(hook: Hook) -> dict[str, Any]:
    if not actors.may("executions:read"):
        return {}
    came = ReceivedEvent.objects.filter(tenant=hook.tenant_id, hook_id=hook.pk)
    empty = "None within seven days. Deliveries that are refused show here too; if nothing does, the address is not this one."
    return received_events.table("Last deliveries", came, limit=_MOST_SHOWN, empty=empty)
