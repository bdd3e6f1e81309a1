"""Sends one message, once. What it learns of the other side is little: it may be anybody's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

import httpx2

from jobs.connections import Connection
from jobs.connections.services import Smtp
from jobs.handlers import HandlerError, PermanentFailure
from jobs.rules.codes import Failure
from tasks import egress, http_answer, http_client, mail
from tasks.http import fetching, judging
from tasks.http_client import Waiting
from tasks.messages import bodies, texts
from tasks.messages.message import Message

#: Of an answer that is no success, what is looked at.
ANSWER_BYTES = 4096
#: What a title may have in a mail's head.
SUBJECT = 250


def send(
    connection: Connection,
    message: Message,
    call: Waiting,
    *,
    allowed_hosts: Sequence[str],
    recipients: Sequence[str] = (),
) -> dict[str, Any]:
    """What the other side said, as a result; a HandlerError if it did not take the message."""
    guard = egress.Guard(allowed_hosts)
    if isinstance(connection, Smtp):
        return _mail(connection, message, call, guard, recipients or connection.recipients)
    url, body = bodies.of(connection, message)
    answer = _posted(url, body, message.id, http_client.Call(call), guard)
    if not 200 <= answer.status < 300:
        raise judging.unexpected(answer, None)
    return {"sent": True, "kind": connection.kind, "status": answer.status}


def _posted(
    url: str, body: dict[str, Any], key: str, call: http_client.Call, guard: egress.Guard
) -> http_answer.Answer:
    """No redirect is followed: it would carry the message to whom nobody named."""
    headers = {"User-Agent": "Carillon", "Idempotency-Key": key, "Accept-Encoding": "identity"}
    try:
        with (
            http_client.open_client(guard, call) as client,
            client.stream("POST", url, json=body, headers=headers) as response,
        ):
            return http_answer.read(response, most=ANSWER_BYTES, keep=ANSWER_BYTES)
    except httpx2.InvalidURL:
        raise PermanentFailure("the channel's URL cannot be called", code=Failure.CONFIG_INVALID) from None
    except httpx2.TransportError as error:
        raise fetching.broken(error, call) from None


def _mail(
    connection: Smtp, message: Message, call: Waiting, guard: egress.Guard, recipients: Sequence[str]
) -> dict[str, Any]:
    if not recipients:
        why = "the mail has no recipient: name them in to, or in the connection's recipients"
        raise PermanentFailure(why, code=Failure.CONFIG_INVALID)
    refused = mail.send(letter(connection, message, recipients), recipients, by=connection, guard=guard, call=call)
    if refused:
        raise HandlerError(f"the mail server took it for some and refused {', '.join(refused)}", tags={"smtp:partly"})
    return {"sent": True, "kind": connection.kind, "recipients": len(recipients)}


def letter(connection: Smtp, message: Message, recipients: Sequence[str]) -> EmailMessage:
    """The message as mail. HTML goes beside what can be read of it as text."""
    found = EmailMessage()
    found["From"] = connection.sender
    found["To"] = ", ".join(recipients)
    found["Subject"] = texts.cut(" ".join(message.title.split()), SUBJECT)
    found["Date"] = format_datetime(datetime.now(UTC))
    found["Message-ID"] = f"<{message.id}@carillon.invalid>"
    found["Auto-Submitted"] = "auto-generated"
    found.set_content(texts.of_html(message.body) if message.format == "html" else message.body)
    if message.format == "html":
        found.add_alternative(message.body, subtype="html")
    return found
