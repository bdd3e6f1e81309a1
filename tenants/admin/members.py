"""Members of tenants, and invitations to become one. A link is shown once, to who makes it."""

from __future__ import annotations

from collections.abc import Collection
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

from tenants import mail, marks, names
from tenants.admin import forms as console_forms
from tenants.admin import pages
from tenants.admin.dialogs import Dialog, Editing, dialog
from tenants.api import sites
from tenants.models import Invitation, Membership, Role
from tenants.rules import permissions
from tenants.services import invitations, members


class RoleFields(forms.Form):
    """What somebody may do in a tenant."""

    role = forms.ChoiceField(
        choices=Role.choices,
        widget=widgets.UnfoldAdminSelectWidget,
        help_text="Viewers look; runners also start and cancel; editors also change jobs; admins rule the tenant.",
    )
    own_jobs_only = forms.BooleanField(
        required=False,
        label="Own jobs only",
        widget=widgets.UnfoldBooleanWidget,
        help_text="An editor changes only jobs whose owner is their e-mail address.",
    )


class Changing(Editing, RoleFields):
    """Another role for a member."""


class Inviting(RoleFields):
    """Somebody to be asked."""

    tenant = console_forms.tenant_field(Invitation)
    email = forms.EmailField(max_length=254, label="E-mail", widget=widgets.UnfoldAdminEmailInputWidget)
    field_order = ("tenant", "email", "role", "own_jobs_only")


def role_of(row: Membership | Invitation) -> str:
    """A role in words."""
    return f"{row.role}, of their own jobs" if row.own_jobs_only else row.role


@admin.register(Membership)
class MemberAdmin(pages.ConsoleAdmin):
    """Who belongs to which tenant."""

    read_permission = permissions.ADMIN
    title = "Members"
    empty_hint = "People become members of a tenant by invitation."
    list_display = ("email", "tenant", "role", "own", "joined")
    list_filter = (("tenant", AutocompleteSelectFilter),)
    search_fields = ("user__email",)
    search_help_text = "E-mail"
    actions_detail = ("change_role", "remove")

    def for_list(self, queryset: QuerySet[Membership]) -> QuerySet[Membership]:
        return queryset.select_related("tenant", "user")

    @admin.display(description="E-mail")
    def email(self, member: Membership) -> str:
        return member.user.email

    @admin.display(description="Own jobs only", boolean=True)
    def own(self, member: Membership) -> bool:
        return member.own_jobs_only

    @admin.display(description="Since")
    def joined(self, member: Membership) -> Any:
        return marks.instant(member.created_at)

    def name_of(self, row: Membership) -> str:
        return f"{row.user.email} in {row.tenant.slug}"

    def detail(self, request: HttpRequest, row: Membership) -> dict[str, Any]:
        facts = [
            ("Person", pages.link_to(row.user, row.user.email)),
            ("Name", row.user.name or marks.NOTHING),
            ("May log in", "yes" if row.user.is_active else "no"),
            ("Tenant", pages.link_to(row.tenant, row.tenant.name)),
            ("Role", role_of(row)),
            ("Since", marks.instant(row.created_at)),
        ]
        return {"facts": facts}

    @dialog(
        "Role",
        title="Change the role",
        description="In force from their next request on.",
        icon="badge",
        permission=permissions.ADMIN,
        form=Changing,
        submit="Save",
    )
    def change_role(self, request: HttpRequest, form: Changing) -> HttpResponse:
        member = members.change(membership=form.row, **form.cleaned_data)
        return self.done(request, f"{member.user.email} is {member.role} now.", self.row_url(member.pk))

    @dialog(
        "Remove",
        title="Remove this member?",
        description="Their next request finds nothing of the tenant. API keys they made stay: revoke those apart.",
        icon="group_remove",
        permission=permissions.ADMIN,
        variant=ActionVariant.DANGER,
    )
    def remove(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        members.remove(membership=form.row)
        return self.done(request, f"{self.name_of(form.row)} is no member any more.", self.list_url())


@admin.register(Invitation)
class InvitationAdmin(pages.ConsoleAdmin):
    """Who is asked to join which tenant."""

    read_permission = permissions.ADMIN
    add_permission = permissions.ADMIN
    title = "Invitations"
    empty_hint = "Whoever is invited joins a tenant by a link that works once."
    add_label = "Invite"
    list_display = ("email", "standing", "tenant", "role", "sent", "expires", "by")
    list_filter = (("tenant", AutocompleteSelectFilter),)
    search_fields = ("email",)
    search_help_text = "E-mail"
    actions_detail = ("resend", "revoke")

    def for_list(self, queryset: QuerySet[Invitation]) -> QuerySet[Invitation]:
        return names.with_keys(queryset.select_related("tenant"), "created_by")

    @admin.display(description="State")
    def standing(self, invitation: Invitation) -> Any:
        return marks.state(invitation.state_at(timezone.now()))

    @admin.display(description="Sent")
    def sent(self, invitation: Invitation) -> Any:
        return marks.instant(invitation.sent_at)

    @admin.display(description="Expires")
    def expires(self, invitation: Invitation) -> Any:
        return marks.instant(invitation.expires_at)

    @admin.display(description="Invited by")
    def by(self, invitation: Invitation) -> Any:
        return marks.shortened(names.of_row(invitation, "created_by"), 30)

    def name_of(self, row: Invitation) -> str:
        return row.email

    def detail(self, request: HttpRequest, row: Invitation) -> dict[str, Any]:
        facts = [
            ("State", marks.state(row.state_at(timezone.now()))),
            ("E-mail", row.email),
            ("Tenant", pages.link_to(row.tenant, row.tenant.name)),
            ("Role", role_of(row)),
            ("Sent", marks.instant(row.sent_at)),
            ("Expires", marks.instant(row.expires_at)),
            ("Wrong passwords", row.failures),
            ("Accepted", marks.instant(row.accepted_at)),
            ("Revoked", marks.instant(row.revoked_at)),
            ("Invited by", names.called(row.created_by)),
        ]
        return {"facts": facts}

    def offered(self, row: Invitation) -> Collection[str]:
        return [] if row.accepted_at or row.revoked_at else ["resend", "revoke"]

    def add_page(self, request: HttpRequest) -> HttpResponse:
        crumbs = [(self.title, self.list_url()), ("Invite", "")]
        context = {"title": "Invite somebody", "crumbs": crumbs, "back": self.list_url(), "submit": "Invite"}

        def carry_out(given: dict[str, Any]) -> HttpResponse:
            invitation, link = invitations.create(site=sites.of(request), **given)
            shown = {"invitation": invitation, "link": link, "mailed": mail.is_sent()}
            url = self.row_url(invitation.pk)
            page = {**admin.site.each_context(request), **context, **shown, "url": url}
            return render(request, "console/new_invitation.html", page)

        form = Inviting(request.POST or None, initial={"tenant": request.GET.get("tenant")})
        return console_forms.page(request, form, carry_out=carry_out, context=context)

    @dialog(
        "Send again",
        title="Make a new link?",
        description="The former link is void then.",
        icon="forward_to_inbox",
        permission=permissions.ADMIN,
    )
    def resend(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        invitation, link = invitations.resend(invitation=form.row, site=sites.of(request))
        message = f"Mailed to {invitation.email}." if mail.is_sent() else f"Hand this link over: {link}"
        return self.done(request, message, self.row_url(invitation.pk))

    @dialog(
        "Revoke",
        title="Revoke this invitation?",
        description="Its link is void from now on.",
        icon="block",
        permission=permissions.ADMIN,
        variant=ActionVariant.DANGER,
    )
    def revoke(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        invitations.revoke(invitation=form.row)
        return self.done(request, f"The invitation of {form.row.email} is revoked.", self.row_url(form.row.pk))
