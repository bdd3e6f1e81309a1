"""The ``notify`` job type against an HTTP sink and a mail server: what each service takes, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.conf import settings
from pydantic import ValidationError

from jobs import handlers
from jobs.handlers import HandlerError, RetryLater
from jobs.rules.codes import Failure
from tasks.egress import UnsafeTarget
from tests.support import contexts, http_server, mailbox

handlers.load(["tasks.handlers"])
SECRET = "made-up-secret-4711"


@pytest.fixture
def server() -> Any:
    with http_server.serving() as running:
        yield running


def sent(fields: dict[str, Any], *, allowed: Any = ("127.0.0.1",), **payload: Any) -> Any:
    """The result; nothing of the secret is logged."""
    handler = handlers.get("notify")
    with contexts.recording(allowed, timeout=20, revealed={"team": fields}) as context:
        params = handler.params.model_validate({"connection": "team", "title": "Import", "message": "done", **payload})
        result = handler.run(params, context)
        assert SECRET not in "\n".join(context.messages())
    return result


def body(server: Any) -> Any:
    (request,) = server.requests
    assert (request.method, request.headers["content-type"]) == ("POST", "application/json")
    assert request.path == f"/{SECRET}"
    return json.loads(request.body)


def test_discord_gets_an_embed_that_calls_nobody(server):
    server.answer(f"/{SECRET}", status=204)
    hook = {"kind": "discord", "webhook_url": server.url(f"/{SECRET}")}
    assert sent(hook, message="@everyone *x* " + "y" * 5000) == {"sent": True, "kind": "discord", "status": 204}
    said = body(server)
    (embed,) = said["embeds"]
    assert set(said) == {"embeds", "allowed_mentions"}
    assert said["allowed_mentions"] == {"parse": []}
    assert embed["title"] == "Import"
    assert embed["description"].startswith("@everyone \\*x\\* yyy")
    assert embed["description"].endswith("… (cut)")
    assert len(embed["description"]) == 4096


def test_slack_gets_blocks_in_which_nothing_is_a_mention_or_a_false_link(server):
    hook = {"kind": "slack", "webhook_url": server.url(f"/{SECRET}")}
    sent(hook, title="A < B", message="*bold* <!channel> <https://evil.example|here>", format="markdown")
    said = body(server)
    header, section, context = said["blocks"]
    assert said["text"] == "A &lt; B"
    assert header == {"type": "header", "text": {"type": "plain_text", "text": "A < B"}}
    assert section["text"]["type"] == "mrkdwn"
    assert section["text"]["text"] == "*bold* &lt;!channel&gt; &lt;https://evil.example|here&gt;"
    assert context["type"] == "context"


def test_slack_is_given_long_texts_in_blocks_of_what_it_takes(server):
    sent({"kind": "slack", "webhook_url": server.url(f"/{SECRET}")}, message="x" * 20_000)
    sections = [block for block in body(server)["blocks"] if block["type"] == "section"]
    assert [len(block["text"]["text"]) for block in sections] == [3000] * 4
    assert {block["text"]["type"] for block in sections} == {"plain_text"}


def test_telegram_gets_plain_text_in_its_room(server):
    bot = {"kind": "telegram", "bot_token": SECRET, "chat": "@team", "api_url": server.url("")}
    assert sent(bot, message="<p>a</p><script>x</script>" + "<p>b &amp; c</p>", format="html")["kind"] == "telegram"
    (request,) = server.requests
    said = json.loads(request.body)
    assert request.path == f"/bot{SECRET}/sendMessage"
    assert said["chat_id"] == "@team"
    assert said["text"].startswith("Import\n\na\n\nb & c\n\n")
    sent(bot, message="x" * 9000)
    assert len(json.loads(server.requests[1].body)["text"]) == 4096


def test_a_webhook_gets_what_it_is_about_and_an_id_to_tell_repetitions_by(server):
    sent({"kind": "webhook", "webhook_url": server.url(f"/{SECRET}")}, preset="reminder")
    said = body(server)
    assert (said["title"], said["message"], said["format"]) == ("Reminder: Import", "done", "text")
    assert said["id"] == said["execution"] == server.requests[0].headers["idempotency-key"]
    assert (said["tenant"], said["job"]) == ("acme", "nightly")


def test_mail_arrives_with_text_beside_html():
    with mailbox.serving() as box:
        fields = {
            "kind": "smtp", "host": "127.0.0.1", "port": settings.EMAIL_PORT, "security": "off", "sender": "a@b.example",
            "recipients": ["ops@example.com"],
        }  # fmt: skip
        result = sent(fields, message="<p>ä <b>b</b></p>", format="html", title="Line\nBcc: x@y.example")
        assert result == {"sent": True, "kind": "smtp", "recipients": 1}
        assert sent(fields, to=["one@example.com", "two@example.com"])["recipients"] == 2
        box.refusing = True
        with pytest.raises(HandlerError, match=r"refuses every recipient.*550 no such mailbox"):
            sent(fields)
    first, second = box.mails
    assert (first["From"], first["To"], first["Bcc"]) == ("a@b.example", "ops@example.com", None)
    assert first["Subject"] == "Line Bcc: x@y.example"
    assert [part.get_content().strip() for part in first.iter_parts()] == ["ä b", "<p>ä <b>b</b></p>"]
    assert (second["To"], second.get_content().strip()) == ("one@example.com, two@example.com", "done")


CHANNELS = [
    {"kind": "webhook", "webhook_url": "http://127.0.0.1:{port}/"},
    {"kind": "discord", "webhook_url": "http://127.0.0.1:{port}/"},
    {"kind": "slack", "webhook_url": "http://localhost:{port}/"},
    {"kind": "telegram", "bot_token": SECRET, "chat": "1", "api_url": "http://127.0.0.1:{port}"},
    {"kind": "smtp", "host": "localhost", "port": 0, "security": "off", "sender": "a@b.example"},
]


@pytest.mark.parametrize("fields", CHANNELS, ids=lambda fields: fields["kind"])
def test_an_address_that_is_not_allowed_is_refused_before_anything_is_sent(server, fields):
    fields = {
        name: server.port if name == "port" else str(value).format(port=server.port) for name, value in fields.items()
    }
    with pytest.raises(UnsafeTarget):
        sent(fields, allowed=(), **({"to": ["a@b.example"]} if fields["kind"] == "smtp" else {}))
    with pytest.raises(UnsafeTarget):
        sent({"kind": "webhook", "webhook_url": "http://169.254.169.254/latest/"}, allowed=("127.0.0.1",))
    assert server.requests == []


def test_a_redirect_is_not_followed(server):
    server.answer("/", status=302, headers={"Location": server.url("/else")})
    with pytest.raises(HandlerError, match="unexpected status 302"):
        sent({"kind": "webhook", "webhook_url": server.url("/")})
    assert [request.path for request in server.requests] == ["/"]


def test_who_is_asked_to_wait_waits(server):
    server.answer("/", status=429, headers={"Retry-After": "7"})
    with pytest.raises(RetryLater) as failed:
        sent({"kind": "webhook", "webhook_url": server.url("/")})
    assert failed.value.delay.total_seconds() == 7


def test_mail_to_nobody_is_refused_for_good():
    with pytest.raises(HandlerError, match="no recipient") as failed:
        sent({"kind": "smtp", "host": "127.0.0.1", "sender": "a@b.example"})
    assert failed.value.code == Failure.CONFIG_INVALID


@pytest.mark.parametrize(
    "url",
    [f"{scheme}://127.0.0.1/x" for scheme in ("json", "xml", "form", "file", "syslog", "dbus", "mailto", "windows", "exec", "ftp")]
    + ["no url", "discord://only", "slack://a/b", "https://user:word@example.com/", "https://", "HTTPS\n://x"],
)  # fmt: skip
def test_a_url_of_any_other_scheme_is_refused_and_not_quoted(url):
    with pytest.raises(ValidationError) as failed:
        handlers.get("notify").params.model_validate({"url": url, "message": "x"})
    assert "127.0.0.1" not in str(failed.value)


def test_a_url_is_a_channel_by_its_scheme_or_host(server):
    handler = handlers.get("notify")
    for url, kind in [
        ("discord://1/abcdefgh", "discord"), ("https://discord.com/api/webhooks/1/x", "discord"),
        ("slack://T/B/x", "slack"), ("tgram://123:abcdefgh/-100", "telegram"), (server.url("/"), "webhook"),
    ]:  # fmt: skip
        from tasks.messages import urls

        assert urls.channel(url).kind == kind
    with contexts.recording(["127.0.0.1"]) as context:
        params = handler.params.model_validate({"url": server.url("/"), "message": "x"})
        assert handler.run(params, context)["kind"] == "webhook"
