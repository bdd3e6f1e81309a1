"""The ``notify`` job type: one message to people. A retried attempt may send it again, with the same id in it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from jobs.connections import channels, named
from jobs.connections.services import Address
from jobs.handlers import Context, Handler, Json, Params
from tasks import messages
from tasks.messages import Format, Message, urls


def _channel(url: str) -> str:
    urls.channel(url)
    return url


class NotifyParams(Params):
    connection: named(*channels.KINDS) | None = None  # type: ignore[valid-type]
    url: Annotated[str, Field(max_length=channels.LONGEST_URL), AfterValidator(_channel)] | None = Field(
        default=None,
        description="Instead of a connection: https://…, discord://id/token, slack://T/B/token or tgram://token/chat, "
        "by an expression such as {{ secrets.hook }}.",
    )
    preset: Literal["message", "reminder"] = Field(
        default="message", description="reminder: the title says that it is one, and defaults to the job's name."
    )
    title: Annotated[str, Field(max_length=200)] = Field(default="", description="The job's name if it is left out.")
    message: Annotated[str, Field(min_length=1, max_length=64 * 1024)]
    format: Format = Field(
        default="text", description="What the message is written in; shown as far as the channel can."
    )
    to: Annotated[list[Address], Field(max_length=50)] = Field(
        default=[], description="Recipients of a mail; left out, those of the connection."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.connection is None) == (self.url is None):
            raise ValueError("give a connection or a url, one of them")
        if self.url is not None and self.to:
            raise ValueError("to is for mail, which needs a connection of kind smtp")
        return self


class Notify(Handler[NotifyParams]):
    job_type = "notify"
    title = "Message"
    description = "Sends a message to Discord, Slack, Telegram, a webhook or by mail."
    params = NotifyParams
    inputs = frozenset({"title", "message"})
    example: ClassVar[dict[str, Json]] = {
        "connection": "team",
        "title": "Nightly import",
        "message": "The rows of {{ now | date }} are in.",
    }

    def run(self, params: NotifyParams, context: Context) -> Json:
        connection = context.connection(params.connection) if params.connection else urls.channel(params.url or "")
        title = params.title or context.job
        message = Message(
            title=f"Reminder: {title}" if params.preset == "reminder" else title,
            body=params.message,
            id=context.idempotency_key,
            format=params.format,
            about={"tenant": context.tenant, "job": context.job, "execution": str(context.execution_id)},
        )
        context.log(f"sending to {connection.kind}, {' and '.join(each.host for each in connection.targets())}")
        result = messages.send(connection, message, context, allowed_hosts=context.allowed_hosts, recipients=params.to)
        context.log("taken")
        return result
