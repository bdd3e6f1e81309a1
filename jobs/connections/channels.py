"""Connections to where people read messages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, SecretStr

from jobs.connections.contract import Connection, Name, Password, Target, Url
from jobs.connections.stores import of_url

#: Characters of a URL.
LONGEST_URL = 2048
_CALLED = re.compile(r"https?://[^\s/@?#\\]+(/[^\s#\\]*)?")


def _can_be_called(secret: SecretStr) -> SecretStr:
    url = secret.get_secret_value()
    if not 8 <= len(url) <= LONGEST_URL or not _CALLED.fullmatch(url):
        raise ValueError(f"must be a URL of http or https without a log-in in it, of {LONGEST_URL} characters at most")
    return secret


#: Whoever knows it may send: the whole of it is the secret.
SecretUrl = Annotated[
    SecretStr,
    AfterValidator(_can_be_called),
    Field(json_schema_extra={"minLength": 8, "maxLength": LONGEST_URL}),
]


class _Hook(Connection):
    webhook_url: SecretUrl = Field(title="Webhook URL")

    def targets(self) -> list[Target]:
        return [of_url(self.webhook_url.get_secret_value())]


class Webhook(_Hook):
    """An URL of one's own, which gets a JSON object."""

    kind = "webhook"
    title = "Webhook"
    example: ClassVar[Mapping[str, Any]] = {"webhook_url": "https://example.com/made-up-secret"}


class Discord(_Hook):
    """A webhook of a Discord channel."""

    kind = "discord"
    title = "Discord"
    example: ClassVar[Mapping[str, Any]] = {"webhook_url": "https://discord.com/api/webhooks/1/made-up-secret"}


class Slack(_Hook):
    """An incoming webhook of Slack, or of what takes the same: Mattermost, Rocket.Chat."""

    kind = "slack"
    title = "Slack"
    example: ClassVar[Mapping[str, Any]] = {"webhook_url": "https://hooks.slack.com/services/T/B/made-up-secret"}


class Telegram(Connection):
    """A bot of Telegram, and the chat it writes to."""

    kind = "telegram"
    title = "Telegram"
    example: ClassVar[Mapping[str, Any]] = {"bot_token": "made-up-secret", "chat": "-1001234567890"}

    bot_token: Password
    chat: Name = Field(description="Its number, or @ and the name of a channel.")
    api_url: Url = Field(default="https://api.telegram.org", title="API's URL", description="Of a server of your own.")

    def targets(self) -> list[Target]:
        return [of_url(self.api_url)]


TYPES: tuple[type[Connection], ...] = (Webhook, Discord, Slack, Telegram)
#: Kinds that messages are sent to, mail among them.
KINDS = (*(each.kind for each in TYPES), "smtp")
