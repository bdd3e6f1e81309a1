"""Mail, handed over after the transaction it belongs to, and never its failure."""

from __future__ import annotations

import smtplib

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction

log = structlog.get_logger(__name__)


def is_sent() -> bool:
    """Whether there is a server to hand mail to."""
    return bool(settings.EMAIL_IS_SENT)


def send_after_commit(*, to: str, subject: str, text: str) -> None:
    """One mail to one address. A server that does not take it is logged, and the change stands."""
    if is_sent():
        transaction.on_commit(lambda: _send(to, " ".join(subject.split()), text), robust=True)


def _send(to: str, subject: str, text: str) -> None:
    try:
        send_mail(subject, text, None, [to])
    except (smtplib.SMTPException, OSError) as error:
        log.warning("mail.refused", problem=type(error).__name__, subject=subject)
