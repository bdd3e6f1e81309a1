"""The page an invitation's link leads to: nobody is logged in here yet."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from unfold import widgets

from tenants import errors
from tenants.admin.forms import refuse
from tenants.models import Membership, User
from tenants.services import joining


class Joining(forms.Form):
    """A password, whether it is known already or not: which of the two does not show."""

    name = forms.CharField(
        max_length=200,
        required=False,
        label="Your name",
        widget=widgets.UnfoldAdminTextInputWidget(attrs={"autocomplete": "name"}),
        help_text="How others see you. Left alone if you have logged in here before.",
    )
    password = forms.CharField(
        max_length=500,
        strip=False,
        widget=widgets.UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password"}),
        help_text="Yours, if you have logged in here before. If not, choose one: at least 12 characters, and no common one.",
    )


@never_cache
def accept(request: HttpRequest, token: str) -> HttpResponse:
    """Show an open invitation and let its holder join."""
    try:
        invitation = joining.find(token)
    except errors.ServiceError as error:
        return _page(request, {"problem": str(error)}, status=error.status)
    known = isinstance(request.user, User) and request.user.email == invitation.email
    form = None if known else Joining(request.POST or None)
    shown = {"invitation": invitation, "form": form}
    if request.method != "POST" or (form is not None and not form.is_valid()):
        return _page(request, shown)
    try:
        return _page(request, {"joined": _join(request, token, form)})
    except errors.ServiceError as error:
        if form is None:
            return _page(request, {"problem": str(error)}, status=error.status)
        refuse(form, error)
        return _page(request, shown)


def _join(request: HttpRequest, token: str, form: Joining | None) -> Membership:
    if form is None:
        return joining.accept_as(token=token, person=request.user)  # type: ignore[arg-type]
    return joining.accept(token=token, **form.cleaned_data)


def _page(request: HttpRequest, shown: dict[str, Any], *, status: int = 200) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": "Invitation", **shown}
    return render(request, "console/invitation.html", context, status=status)
