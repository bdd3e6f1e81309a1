"""A real SMTP server on loopback that keeps what it is given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from django.test import override_settings

from scheduler_project import mail
from scheduler_project.local import ports


class Mailbox:
    """What has come in; with ``refusing`` every recipient is refused."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refusing = False

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802 - the server's name for it
        if self.refusing:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        from email import message_from_bytes, policy

        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@contextmanager
def serving() -> Iterator[Mailbox]:
    """A server for the length of a block, and this process's settings as an installation's that names it."""
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=ports.free())
    controller.start()
    url = f"smtp://127.0.0.1:{controller.port}"
    try:
        with override_settings(EMAIL_IS_SENT=True, **mail.settings(url, sender="carillon@example.com")):
            yield box
    finally:
        controller.stop()
