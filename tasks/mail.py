"""Mail through a tenant's own server: SMTP over a connection that the egress guard has judged."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import threading
from collections.abc import Iterator, Sequence
from email import policy
from email.message import EmailMessage

from jobs.connections import Target
from jobs.connections.contract import VERIFY
from jobs.connections.services import Smtp
from jobs.handlers import HandlerError
from jobs.rules.codes import Failure
from tasks import egress, sockets
from tasks.http_client import Waiting

#: Longest for one step; all of them end with whoever waits.
STEP_SECONDS = 30.0
#: A file and what stands around it: few servers take more.
MOST_BYTES = 25 * 1024 * 1024


class Session(smtplib.SMTP):
    """SMTP over a connection that is there already."""

    def __init__(self, given: socket.socket, target: Target, timeout: float) -> None:
        self._given = given
        super().__init__(target.host, target.port, local_hostname="carillon.invalid", timeout=timeout)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:  # noqa: ARG002 - smtplib's hook
        return self._given


def send(mail: EmailMessage, recipients: Sequence[str], *, by: Smtp, guard: egress.Guard, call: Waiting) -> list[str]:
    """Send to each of the recipients; returns those that the server refused while it took others. HandlerError otherwise."""
    content = mail.as_bytes(policy=policy.SMTP)
    if len(content) > MOST_BYTES:
        message = f"the mail has {len(content)} bytes, and {MOST_BYTES} are sent at most: send less, or a link"
        raise HandlerError(message, code=Failure.RESOURCE_LIMIT)
    (target,) = by.targets()
    try:
        with _opened(by, target, guard, call) as session:
            return sorted(session.sendmail(by.sender, list(recipients), content))
    except smtplib.SMTPRecipientsRefused as error:
        raise HandlerError(
            f"the mail server refuses every recipient: {_said(error.recipients)}", tags={"smtp"}
        ) from None
    except (smtplib.SMTPException, OSError) as error:
        if call.remaining() <= 0:
            raise HandlerError("the mail was not sent in time", code=Failure.TIMEOUT, tags={"timeout"}) from None
        raise HandlerError(f"the mail was not sent: {error}", tags={"smtp"}) from None


@contextlib.contextmanager
def _opened(by: Smtp, target: Target, guard: egress.Guard, call: Waiting) -> Iterator[Session]:
    patience = max(min(STEP_SECONDS, call.remaining()), 0.1)
    plain = sockets.connect(guard, target.host, target.port, patience)
    given = sockets.encrypted(plain, target.host, VERIFY) if target.tls else plain
    given.settimeout(patience)
    with given, _cut_at_the_end(given, call), Session(given, target, patience) as session:
        if by.security == "starttls":
            session.starttls(context=sockets.tls(VERIFY))
        if by.user and by.password:
            session.login(by.user, by.password.get_secret_value())
        yield session


@contextlib.contextmanager
def _cut_at_the_end(given: socket.socket, call: Waiting) -> Iterator[None]:
    """A server that answers byte by byte never meets the time limit of one step. Cut below TLS, whichever it is by then."""
    below = socket.socket(fileno=socket.dup(given.fileno()))

    def cut() -> None:
        with contextlib.suppress(OSError):
            below.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(call.remaining(), 0.1), cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        below.close()


def _said(refused: dict[str, tuple[int, bytes]]) -> str:
    return "; ".join(f"{who}: {code} {text.decode(errors='replace')}" for who, (code, text) in refused.items())[:1000]
