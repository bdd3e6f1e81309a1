"""Tenants: who they are, what they get, and holding them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold import widgets
from unfold.enums import ActionVariant

from tenants import actors, marks
from tenants.admin import forms as console_forms
from tenants.admin import pages, throttling
from tenants.admin.dialogs import Dialog, Editing, dialog
from tenants.console import menu
from tenants.models import Tenant, TenantState
from tenants.rules import permissions
from tenants.services import tenant_limits
from tenants.services import tenants as service


class Naming(Editing):
    """What a tenant is called."""

    name = forms.CharField(max_length=200, widget=widgets.UnfoldAdminTextInputWidget)


class Limits(Editing, throttling.Rate):
    """What a tenant gets."""

    name = forms.CharField(max_length=200, widget=widgets.UnfoldAdminTextInputWidget)
    weight = forms.IntegerField(
        min_value=1,
        max_value=100,
        initial=1,
        widget=widgets.UnfoldAdminIntegerFieldWidget,
        help_text="Its share when tenants compete for workers: 2 gets twice as much as 1.",
    )
    max_running = forms.IntegerField(
        min_value=1,
        required=False,
        label="Most in flight",
        widget=widgets.UnfoldAdminIntegerFieldWidget,
        help_text="Executions queued or running at once. Empty for no cap.",
    )
    api_rate_limit = forms.CharField(
        max_length=16,
        required=False,
        label="API requests",
        widget=widgets.UnfoldAdminTextInputWidget,
        help_text="Most per s, m, h or d, such as 100/s. Empty for the installation's limit.",
    )
    allowed_hosts = console_forms.LinesField(
        required=False,
        help_text="Private hosts its jobs may call, one a line: host, host:port or network.",
    )
    allowed_callables = console_forms.LinesField(
        required=False,
        label="Python callables its jobs may call",
        help_text="Names, one a line, such as shop.jobs:settle or shop.jobs:*. Empty for none.",
    )
    allowed_tasks = console_forms.LinesField(
        required=False,
        label="Celery tasks its jobs may run",
        help_text="Of its own apps, one a line, such as shop.tasks.settle or shop.tasks.*. Empty for none.",
    )
    allow_network = forms.BooleanField(
        required=False,
        label="Network for scripts",
        widget=widgets.UnfoldBooleanWidget,
        help_text="Scripts that ask for it may reach what its calls may reach.",
    )
    allow_requirements = forms.BooleanField(
        required=False,
        label="Requirements for scripts",
        widget=widgets.UnfoldBooleanWidget,
        help_text="Python scripts may have packages installed for them.",
    )

    field_order: tuple[str, ...] = (
        "name", "weight", "max_running", "rate_limit", "rate_burst", "api_rate_limit", "allowed_hosts",
    )  # fmt: skip


class NewTenant(Limits):
    """A tenant to be."""

    slug = forms.SlugField(
        max_length=63,
        widget=widgets.UnfoldAdminTextInputWidget,
        help_text="Its short name, for ever: small letters, digits and hyphens.",
    )
    field_order = ("slug", *Limits.field_order)


class Suspending(Dialog):
    """Why."""

    reason = forms.CharField(
        max_length=500,
        required=False,
        label="What its people are told",
        widget=widgets.UnfoldAdminTextInputWidget,
        help_text="Stands in the refusal of its keys.",
    )


@admin.register(Tenant)
class TenantAdmin(throttling.Throttling, pages.ConsoleAdmin):
    """Every tenant of the installation, for the platform's people; their own for a tenant's administrators."""

    read_permission = "jobs:read"
    add_permission = permissions.PLATFORM
    shared = True
    title = "Tenants"
    empty_hint = "A tenant owns jobs, keys and executions, and sees nobody else's. Make the first one."
    add_label = "New tenant"
    list_display = ("slug", "name", "standing", "weight", "cap", "created")
    search_fields = ("slug", "name")
    ordering = ("slug",)
    search_help_text = "Slug or name"
    actions_detail: tuple[str, ...] = ("limits", "rename", "throttle", "unthrottle", "suspend", "activate")

    def may_look(self) -> bool:
        return (actors.current().of_platform or actors.may(permissions.ADMIN)) and super().may_look()

    @admin.display(description="State")
    def standing(self, tenant: Tenant) -> str:
        return marks.state(tenant.state)

    @admin.display(description="Most in flight")
    def cap(self, tenant: Tenant) -> str:
        return throttling.cap(tenant)

    @admin.display(description="Created")
    def created(self, tenant: Tenant) -> str:
        return marks.instant(tenant.created_at)

    def name_of(self, row: Tenant) -> str:
        return row.name

    def detail(self, request: HttpRequest, row: Tenant) -> dict[str, Any]:
        facts = [
            ("State", marks.state(row.state)),
            ("Slug", marks.code(row.slug)),
            ("Id", marks.code(row.pk)),
            ("Weight", row.weight),
            ("Most in flight", row.max_running or "no cap"),
            *throttling.facts(row),
            ("Rate", throttling.rate(row)),
            ("API requests", row.api_rate_limit or "the installation's limit"),
            ("Private hosts it may call", ", ".join(row.allowed_hosts) or "none"),
            ("Python callables its jobs may call", ", ".join(row.allowed_callables) or "none"),
            ("Celery tasks its jobs may run", ", ".join(row.allowed_tasks) or "none"),
            ("Its scripts may", " and ".join(_granted(row)) or "neither use the network nor install requirements"),
            ("Created", marks.instant(row.created_at)),
            ("Its", _ways_on(request, row)),
        ]
        return {"facts": facts}

    def offered(self, row: Tenant) -> Collection[str]:
        lifting = {"unthrottle"} if throttling.is_throttled(row) else set()
        holding = "suspend" if row.state == TenantState.ACTIVE else "activate"
        # Whoever sets the limits says the name there, too.
        naming = "limits" if actors.may(permissions.PLATFORM) else "rename"
        return {naming, "throttle", holding} | lifting

    def set_throttle(self, row: Tenant, *, max_running: int, until: datetime) -> None:
        tenant_limits.throttle(tenant=row, max_running=max_running, until=until)

    def lift_throttle(self, row: Tenant) -> None:
        tenant_limits.unthrottle(tenant=row)

    def add_page(self, request: HttpRequest) -> HttpResponse:
        form = NewTenant(None, request.POST or None)
        crumbs = [(self.title, self.list_url()), ("New tenant", "")]
        context = {"title": "New tenant", "crumbs": crumbs, "back": self.list_url(), "submit": "Create"}
        return console_forms.page(request, form, carry_out=self._create, context=context)

    def _create(self, given: dict[str, Any]) -> str:
        return self.row_url(service.create(**given).pk)

    @dialog(
        "Limits",
        title="What this tenant gets",
        description="In force from the next admission on.",
        icon="tune",
        form=Limits,
        submit="Save",
    )
    def limits(self, request: HttpRequest, form: Limits) -> HttpResponse:
        tenant = tenant_limits.change(tenant=form.row, **form.cleaned_data)
        return self.done(request, f"{tenant.name} has new limits.", self.row_url(tenant.pk))

    @dialog(
        "Rename",
        title="What is it called?",
        description="Its slug stays.",
        icon="edit",
        permission=permissions.ADMIN,
        form=Naming,
        submit="Save",
    )
    def rename(self, request: HttpRequest, form: Naming) -> HttpResponse:
        tenant = service.rename(tenant=form.row, **form.cleaned_data)
        return self.done(request, f"It is called {tenant.name} now.", self.row_url(tenant.pk))

    @dialog(
        "Suspend",
        form=Suspending,
        title="Suspend this tenant?",
        description="Nothing of it starts any more: its schedules are held, its API keys refused. What runs goes on to its end.",
        icon="pause_circle",
        variant=ActionVariant.DANGER,
    )
    def suspend(self, request: HttpRequest, form: Suspending) -> HttpResponse:
        service.suspend(tenant=form.row, **form.cleaned_data)
        return self.done(request, f"{form.row.name} is suspended.", self.row_url(form.row.pk))

    @dialog(
        "Activate",
        title="Activate this tenant?",
        description="Its keys work again. Slots missed meanwhile follow their schedules' misfire policies.",
        icon="play_circle",
        variant=ActionVariant.PRIMARY,
    )
    def activate(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        service.activate(tenant=form.row)
        return self.done(request, f"{form.row.name} is active.", self.row_url(form.row.pk))


def _ways_on(request: HttpRequest, tenant: Tenant) -> Any:
    lists = (
        ("executions", "jobs_execution"),
        ("jobs", "jobs_job"),
        ("dead letters", "jobs_deadletter"),
        ("API keys", "tenants_apikey"),
        ("secrets", "tenants_secret"),
        ("members", "tenants_membership"),
        ("invitations", "tenants_invitation"),
    )
    links = [
        marks.link(f"{reverse(f'admin:{name}_changelist')}?tenant__id__exact={tenant.pk}", text)
        for text, name in lists
        if menu.shows_list(request, name)
    ]
    return marks.joined(links)


def _granted(tenant: Tenant) -> list[str]:
    granted = {"use the network": tenant.allow_network, "install requirements": tenant.allow_requirements}
    return [name for name, is_granted in granted.items() if is_granted]
