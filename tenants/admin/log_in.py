"""The console's door: by password, guarded as the API's is, or by the provider that the settings name."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import forms as auth_forms
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from unfold.forms import AdminOwnPasswordChangeForm, AuthenticationForm

from tenants import errors, guessing
from tenants.admin.forms import refuse
from tenants.middleware import outside_transaction
from tenants.services import logins, people


class LogIn(AuthenticationForm):  # type: ignore[misc]
    """E-mail address and password: for everybody who may log in, not for Django's "staff" alone."""

    error_messages: ClassVar[dict[str, Any]] = {
        **auth_forms.AuthenticationForm.error_messages,
        "invalid_login": "This e-mail address and password do not belong together, or may not log in.",
    }

    def confirm_login_allowed(self, user: Any) -> None:
        auth_forms.AuthenticationForm.confirm_login_allowed(self, user)

    def clean(self) -> dict[str, Any]:
        account = str(self.cleaned_data.get("username") or "")
        try:
            with guessing.one_try(account):
                problem = self._judged(account)
        except errors.ServiceError as refusal:
            raise forms.ValidationError(str(refusal)) from None
        if guessing.is_locked_out(self.request):
            raise forms.ValidationError(str(guessing.LockedOut()))
        if problem is not None:
            raise problem
        return self.cleaned_data  # type: ignore[no-any-return]

    def _judged(self, account: str) -> forms.ValidationError | None:
        """What is wrong with them, stored as well as told: a problem raised here would undo that it was counted."""
        try:
            super().clean()
        except forms.ValidationError as problem:
            if guessing.was_judged(self.request):
                logins.failed(account, is_locked_out=guessing.is_locked_out(self.request))
            return problem
        if self.get_user() is not None:
            logins.succeeded(self.get_user())
        return None


class OwnPassword(AdminOwnPasswordChangeForm):  # type: ignore[misc]
    """The old password, and a new one twice."""

    def clean_old_password(self) -> str:
        return str(self.cleaned_data["old_password"])  # judged by the service, under the guard of log-ins

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                people.change_password(person=self.user, current=given["old_password"], password=given["new_password1"])
            except errors.ServiceError as refusal:
                refusal.details = {_FIELDS.get(name, name): texts for name, texts in refusal.details.items()}
                refuse(self, refusal)
        return given

    def save(self, commit: bool = True) -> Any:
        return self.user


_FIELDS = {"current_password": "old_password", "password": "new_password1"}


# A password is judged without holding a database connection meanwhile, and failures are kept.
@outside_transaction
def log_in(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """The log-in page."""
    context = {"provider": settings.OIDC_NAME if settings.OIDC_ISSUER else "", **(extra_context or {})}
    answer: HttpResponse = admin.site.__class__.login(admin.site, request, context)
    return answer


def change_password(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
    """One's own password."""
    context = {**admin.site.each_context(request), **(extra_context or {})}
    done = reverse("admin:password_change_done")
    view = PasswordChangeView.as_view(form_class=OwnPassword, success_url=done, extra_context=context)
    return view(request)


def log_out(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """Ends the session here. The provider's own is the provider's: the page says where it is ended."""
    context = {"provider": settings.OIDC_NAME, "provider_log_out": settings.OIDC_LOGOUT_URL, **(extra_context or {})}
    answer: HttpResponse = admin.site.__class__.logout(admin.site, request, context)
    return answer


admin.site.login_form = LogIn
admin.site.login_template = "console/log_in.html"
admin.site.logout_template = "console/logged_out.html"
admin.site.login = log_in  # type: ignore[method-assign, assignment]
admin.site.logout = log_out  # type: ignore[method-assign, assignment]
admin.site.password_change = change_password  # type: ignore[method-assign, assignment]
