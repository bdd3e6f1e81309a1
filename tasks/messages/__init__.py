"""Messages to people: a text to Discord, Slack, Telegram, a webhook or a mail server.

    messages.send(connection, Message("Nightly import", "It failed."), call, allowed_hosts=[...])

The requests are built here, and not by Apprise. That library calls ``requests`` in some hundred modules, each of which looks
up names for itself: a session patched in while it runs would be one for all threads of the process and would guard only the
modules that use it as they do today, and those that speak SMTP, MQTT or to the local machine go past it. Here every
connection is opened by :mod:`tasks.http_client` or :mod:`tasks.sockets`, behind the egress guard. What is written as a URL
has one of few schemes, :mod:`tasks.messages.urls`; none leads to files, programs or servers of ours.
"""

from __future__ import annotations

from tasks.messages.message import Format, Message
from tasks.messages.sending import send

__all__ = ["Format", "Message", "send"]
