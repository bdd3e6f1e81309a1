"""The form of the log-in page: for everybody who may log in, not for Django's "staff" alone."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth import forms
from unfold.forms import AuthenticationForm


class LogIn(AuthenticationForm):  # type: ignore[misc]
    """An e-mail address and its password."""

    error_messages: ClassVar[dict[str, Any]] = {
        **forms.AuthenticationForm.error_messages,
        "invalid_login": "This e-mail address and password do not belong together, or may not log in.",
    }

    def confirm_login_allowed(self, user: Any) -> None:
        forms.AuthenticationForm.confirm_login_allowed(self, user)
