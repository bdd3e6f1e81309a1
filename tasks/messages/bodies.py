"""What each service takes: a URL to call and a JSON object. Pure."""

from __future__ import annotations

from typing import Any

from jobs.connections import Connection, channels
from jobs.connections.channels import Discord, Slack, Telegram, Webhook
from jobs.handlers import PermanentFailure
from jobs.rules.codes import Failure
from tasks.messages import texts
from tasks.messages.message import Message

DISCORD_TITLE, DISCORD_TEXT = 256, 4096
SLACK_TITLE, SLACK_TEXT, SLACK_BLOCK = 150, 12_000, 3000
TELEGRAM_TEXT = 4096
#: Signs that Discord would take for marks.
_PLAIN = "*_`~|>\\[]()#-"


def of(connection: Connection, message: Message) -> tuple[str, dict[str, Any]]:
    """For a message to go to this connection."""
    match connection:
        case Discord():
            return connection.webhook_url.get_secret_value(), _discord(message)
        case Slack():
            return connection.webhook_url.get_secret_value(), _slack(message)
        case Telegram():
            token = connection.bot_token.get_secret_value()
            return f"{connection.api_url.rstrip('/')}/bot{token}/sendMessage", _telegram(message, connection.chat)
        case Webhook():
            return connection.webhook_url.get_secret_value(), _plain(message)
    why = f"a connection of kind {connection.kind} takes no messages: name one of {', '.join(channels.KINDS)}"
    raise PermanentFailure(why, code=Failure.CONFIG_INVALID)


def _discord(message: Message) -> dict[str, Any]:
    """Shown as an embed, in which Discord mentions nobody; whatever it makes of the rest, nobody is called."""
    body = message.body
    if message.format == "html":
        body = texts.of_html(body)
    if message.format != "markdown":
        body = "".join(f"\\{sign}" if sign in _PLAIN else sign for sign in body)
    embed = {"title": texts.cut(message.title, DISCORD_TITLE), "description": texts.cut(body, DISCORD_TEXT)}
    return {
        "embeds": [{**embed, "footer": {"text": message.id}}],
        "allowed_mentions": {"parse": []},
    }


def _slack(message: Message) -> dict[str, Any]:
    """``text`` is what notifications show; the blocks are what is read."""
    body = texts.of_html(message.body) if message.format == "html" else message.body
    kind = "mrkdwn" if message.format == "markdown" else "plain_text"
    whole = texts.cut(texts.for_slack(body) if kind == "mrkdwn" else body, SLACK_TEXT)
    parts = [whole[start : start + SLACK_BLOCK] for start in range(0, len(whole), SLACK_BLOCK)]
    title = texts.cut(message.title, SLACK_TITLE)
    return {
        "text": texts.for_slack(title),
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": title}},
            *({"type": "section", "text": {"type": kind, "text": part}} for part in parts),
            {"type": "context", "elements": [{"type": "plain_text", "text": message.id}]},
        ],
    }


def _telegram(message: Message, chat: str) -> dict[str, Any]:
    """As plain text: Telegram refuses a message whose marks are not whole, and a cut one's are not."""
    body = texts.of_html(message.body) if message.format == "html" else message.body
    room = TELEGRAM_TEXT - len(message.title) - len(message.id) - 4
    text = f"{message.title}\n\n{texts.cut(body, room)}\n\n{message.id}"
    return {"chat_id": chat, "text": text, "link_preview_options": {"is_disabled": True}}


def _plain(message: Message) -> dict[str, Any]:
    """Ours, for whoever writes what takes it."""
    said = {"id": message.id, "title": message.title, "message": message.body, "format": message.format}
    return {**said, **message.about}
