"""Channels written as one URL. Its scheme says what it is; the list is short, and nothing else is taken. Pure."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pydantic

from jobs.connections import Connection
from jobs.connections.channels import Discord, Slack, Telegram, Webhook

SCHEMES = ("https", "http", "discord", "slack", "tgram")
_HOOKS: dict[str, type[Discord] | type[Slack]] = {
    "discord.com": Discord,
    "discordapp.com": Discord,
    "hooks.slack.com": Slack,
}


def channel(url: str) -> Connection:
    """The connection that a URL stands for; ValueError says what is wrong, and quotes nothing of it."""
    scheme, colon, rest = url.partition("://")
    if not colon or scheme not in SCHEMES:
        raise ValueError(f"must begin with one of {', '.join(f'{each}://' for each in SCHEMES)}")
    parts = [unquote(part) for part in rest.strip("/").split("/")]
    try:
        match scheme, parts:
            case "discord", [number, token]:
                return Discord.model_validate({"webhook_url": f"https://discord.com/api/webhooks/{number}/{token}"})
            case "slack", [team, hook, token]:
                url = f"https://hooks.slack.com/services/{team}/{hook}/{token}"
                return Slack.model_validate({"webhook_url": url})
            case "tgram", [token, chat]:
                return Telegram.model_validate({"bot_token": token, "chat": chat})
            case (("http" | "https"), _):
                kind = _HOOKS.get(urlsplit(url).hostname or "", Webhook)
                return kind.model_validate({"webhook_url": url})
    except pydantic.ValidationError as error:
        raise ValueError(str(error.errors()[0]["msg"])) from None
    raise ValueError("must look like discord://id/token, slack://T…/B…/token or tgram://token/chat")
