"""People: who may log in, and which tenants they belong to."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold import widgets
from unfold.enums import ActionVariant

from tenants import marks
from tenants.admin import forms as console_forms
from tenants.admin import pages
from tenants.admin.dialogs import Dialog, Editing, dialog
from tenants.admin.members import RoleFields, role_of
from tenants.models import Membership, Tenant, User
from tenants.rules import permissions
from tenants.services import logins, members
from tenants.services import people as service

admin.site.unregister(Group)  # people have roles in tenants, not Django's groups


def _auditor() -> forms.BooleanField:
    return forms.BooleanField(
        required=False,
        label="Auditor",
        help_text="Sees every tenant's jobs, executions and audit trail; changes nothing.",
        widget=widgets.UnfoldBooleanWidget,
    )


class NewPerson(forms.Form):
    """A person to be."""

    email = forms.EmailField(max_length=254, widget=widgets.UnfoldAdminEmailInputWidget)
    name = forms.CharField(max_length=200, required=False, widget=widgets.UnfoldAdminTextInputWidget)
    password = forms.CharField(
        strip=False,
        widget=widgets.UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="At least 12 characters. Hand it over by a safe way; they can change it themselves.",
    )
    is_superuser = forms.BooleanField(
        required=False,
        label="Platform administrator",
        help_text="May see and change everything, of every tenant.",
        widget=widgets.UnfoldBooleanWidget,
    )
    is_auditor = _auditor()


class Rights(Editing):
    """What somebody is called and may do."""

    name = forms.CharField(max_length=200, required=False, widget=widgets.UnfoldAdminTextInputWidget)
    is_active = forms.BooleanField(required=False, label="May log in", widget=widgets.UnfoldBooleanWidget)
    is_superuser = forms.BooleanField(
        required=False, label="Platform administrator", widget=widgets.UnfoldBooleanWidget
    )
    is_auditor = _auditor()


class Password(Dialog):
    """A new password."""

    password = forms.CharField(
        strip=False, widget=widgets.UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
    )


class Joining(Dialog, RoleFields):
    """A tenant and a role in it."""

    tenant = forms.ModelChoiceField(Tenant.objects.order_by("slug"), widget=widgets.UnfoldAdminSelectWidget)
    field_order = ("tenant", "role", "own_jobs_only")


class _MembershipField(forms.ModelChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, obj: Membership) -> str:
        return f"{obj.tenant.slug} ({obj.role})"


class Leaving(Dialog):
    """One of somebody's memberships."""

    def __init__(self, row: User, data: Any = None) -> None:
        super().__init__(row, data)
        self.fields["membership"] = _MembershipField(
            row.memberships.select_related("tenant").order_by("tenant__slug"), widget=widgets.UnfoldAdminSelectWidget
        )


@admin.register(User)
class PersonAdmin(pages.ConsoleAdmin):
    """Everybody who may log in."""

    add_permission = permissions.PLATFORM
    shared = True
    title = "People"
    empty_hint = "People log in with their e-mail address and belong to tenants."
    add_label = "New person"
    change_form_template = "console/person.html"
    list_display = ("email", "name", "may", "platform", "seen")
    search_fields = ("email", "name")
    search_help_text = "E-mail or name"
    actions_detail = ("rights", "password", "join", "leave", "log_out")

    @admin.display(description="State")
    def may(self, person: User) -> str:
        return marks.state("active" if person.is_active else "disabled")

    @admin.display(description="Platform administrator", boolean=True)
    def platform(self, person: User) -> bool:
        return person.is_superuser

    @admin.display(description="Last log-in")
    def seen(self, person: User) -> str:
        return marks.instant(person.last_login)

    def detail(self, request: HttpRequest, row: User) -> dict[str, Any]:
        memberships = row.memberships.select_related("tenant").order_by("tenant__slug")
        table = {
            "title": "Memberships",
            "headers": ("Tenant", "Role", "Since"),
            "rows": [
                (pages.link_to(m.tenant, m.tenant.name), role_of(m), marks.instant(m.created_at)) for m in memberships
            ],
            "empty": "Belongs to no tenant.",
        }
        facts = [
            ("State", marks.state("active" if row.is_active else "disabled")),
            ("E-mail", row.email),
            ("Name", row.name or marks.NOTHING),
            ("Platform administrator", "yes" if row.is_superuser else "no"),
            ("Auditor", "yes" if row.is_auditor else "no"),
            ("Last log-in", marks.instant(row.last_login)),
            ("Known since", marks.instant(row.created_at)),
        ]
        return {"facts": facts, "memberships": table, "sessions": _sessions(row)}

    def offered(self, row: User) -> Collection[str]:
        return {"rights", "password", "join", "log_out", *(["leave"] if row.memberships.exists() else [])}

    def add_page(self, request: HttpRequest) -> HttpResponse:
        crumbs = [(self.title, self.list_url()), ("New person", "")]
        context = {"title": "New person", "crumbs": crumbs, "back": self.list_url(), "submit": "Create"}
        form = NewPerson(request.POST or None)
        return console_forms.page(request, form, carry_out=self._create, context=context)

    def _create(self, given: dict[str, Any]) -> str:
        return self.row_url(service.create(**given).pk)

    @dialog(
        "Rights",
        title="Name and rights",
        description="In force at their next click.",
        icon="tune",
        form=Rights,
        submit="Save",
    )
    def rights(self, request: HttpRequest, form: Rights) -> HttpResponse:
        person = service.change(person=form.row, **form.cleaned_data)
        return self.done(request, f"{person.email} is changed.", self.row_url(person.pk))

    @dialog(
        "Set password",
        title="Set a new password",
        description="Ends every session they have.",
        icon="password",
        form=Password,
        submit="Set",
    )
    def password(self, request: HttpRequest, form: Password) -> HttpResponse:
        service.set_password(person=form.row, **form.cleaned_data)
        return self.done(request, f"{form.row.email} has a new password.", self.row_url(form.row.pk))

    @dialog(
        "Log out",
        title="Log out everywhere?",
        description="Ends every session they have, at the console and over the API. They may log in again.",
        icon="logout",
        variant=ActionVariant.DANGER,
    )
    def log_out(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        logins.end_all(person=form.row)
        return self.done(request, f"{form.row.email} is logged out.", self.row_url(form.row.pk))

    @dialog("Add to tenant", title="Add to a tenant", icon="group_add", form=Joining, submit="Add")
    def join(self, request: HttpRequest, form: Joining) -> HttpResponse:
        members.add(person=form.row, **form.cleaned_data)
        return self.done(
            request, f"{form.row.email} is in {form.cleaned_data['tenant'].name}.", self.row_url(form.row.pk)
        )

    @dialog(
        "Remove from tenant",
        title="Remove from a tenant",
        description="They see nothing of it any more.",
        icon="group_remove",
        form=Leaving,
        submit="Remove",
        variant=ActionVariant.DANGER,
    )
    def leave(self, request: HttpRequest, form: Leaving) -> HttpResponse:
        membership = form.cleaned_data["membership"]
        members.remove(membership=membership)
        return self.done(request, f"{form.row.email} has left {membership.tenant.name}.", self.row_url(form.row.pk))


def _sessions(person: User) -> dict[str, Any]:
    live = person.login_sessions.filter(ended_at=None, expires_at__gt=timezone.now()).order_by("-pk")[:20]
    return {
        "title": "Logged in over the API",
        "headers": ("Since", "Last refreshed", "From", "With"),
        "rows": [
            (
                marks.instant(each.created_at),
                marks.instant(each.refreshed_at),
                each.address or marks.NOTHING,
                marks.shortened(each.user_agent, 60),
            )
            for each in live
        ],
        "empty": "Not logged in over the API.",
    }
