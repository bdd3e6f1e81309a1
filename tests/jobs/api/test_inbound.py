"""``/hooks/{token}``: deliveries that are proven, those that are not, and what each of them leaves behind."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import logging
import time

import pytest
import structlog
from django.test import Client

from monitoring import log_format
from tests.support import rates, rows

BODY = {"total": 120.5}


class Sender:
    """Delivers to a hook that it knows the address and the secret of."""

    def __init__(self, owner, **said):
        hook = {"name": "shop", "event": "order.paid", "scheme": "standard", **said}
        answer = owner.api.post("/api/v1/hooks", hook)
        assert answer.status_code == 201, answer.content
        self.owner, self.hook = owner, answer.json()
        self.path, self.secret = "/hooks/" + self.hook["url"].rsplit("/", 1)[1], self.hook["secret"]
        self.client = Client(raise_request_exception=False, enforce_csrf_checks=True, REMOTE_ADDR=rates.address())

    def signed(self, body, named):
        if self.hook["scheme"] == "github":
            return {"X-Hub-Signature-256": "sha256=" + hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()}
        if self.hook["scheme"] == "none":
            return {}
        stamp = str(int(time.time()))
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        made = hmac.new(key, f"{named}.{stamp}.".encode() + body, hashlib.sha256).digest()
        signature = f"v1,{base64.b64encode(made).decode()}"
        return {"webhook-id": named, "webhook-timestamp": stamp, "webhook-signature": signature}

    def deliver(self, body=BODY, named="msg_1", kind="application/json", **headers):
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = self.signed(text, named) | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(self.path, text, content_type=kind, headers=sent)

    def deliveries(self):
        return self.owner.api.get(f"/api/v1/hooks/{self.hook['id']}/deliveries").json()["data"]


@pytest.fixture
def job(make_job):
    return make_job(schedules=[{"kind": "event", "event": "order.paid"}])


@pytest.mark.parametrize("scheme", ["standard", "github", "none"])
def test_a_proven_delivery_starts_what_waits_for_its_event(owner, job, scheme):
    sender = Sender(owner, scheme=scheme, headers=["X-Shop"])
    answer = sender.deliver(X_Shop="eu", X_Other="no")
    assert (answer.status_code, answer.json()["outcome"]) == (202, "started")
    assert answer.cookies == {}
    [run] = owner.api.get("/api/v1/executions").json()["data"]
    assert (run["id"], run["triggered_by"]) == (
        answer.json()["started"][0]["execution"],
        "event:order.paid by hook:shop",
    )
    assert (run["event"]["payload"], run["event"]["headers"]) == (BODY, {"x_shop": "eu"})
    [kept] = sender.deliveries()
    assert (kept["id"], kept["sender"], kept["hook"]) == (answer.json()["id"], "hook:shop", sender.hook["id"])
    assert owner.api.get(f"/api/v1/hooks/{sender.hook['id']}").json()["last_received_at"]
    actor = rows.fetch(
        "SELECT actor FROM audit_event WHERE action = 'event.received' AND tenant_id = %s", owner.tenant.id
    )
    assert actor == [("hook:shop",)]


def test_a_captured_delivery_counts_once(owner, job):
    sender = Sender(owner)
    assert [sender.deliver().json()["outcome"] for _ in range(2)] == ["started", "duplicate"]
    assert sender.deliver(named="msg_2").json()["outcome"] == "started"


def test_who_may_send_events_cannot_use_up_the_ids_of_a_hooks_deliveries(owner, job):
    sender = Sender(owner)
    for name in (sender.hook["id"], f"hook:{sender.hook['id']}"):
        told = owner.api.post("/api/v1/events", {"name": name, "dedup_key": "msg_1"})
        assert told.status_code == 202
    assert sender.deliver(named="msg_1").json()["outcome"] == "started"


def test_nobody_learns_from_the_answer_which_addresses_there_are(owner, job):
    sender = Sender(owner)
    forged = sender.deliver(webhook_signature="v1,AAAA")
    unknown = sender.client.post("/hooks/hk_" + "x" * 43, BODY, content_type="application/json")
    odd = sender.client.post("/hooks/%00", BODY, content_type="application/json")
    told = [(a.status_code, a.json()["error"]["code"], a.json()["error"]["message"]) for a in (forged, unknown, odd)]
    assert told[0][:2] == (401, "UNAUTHENTICATED")
    assert len(set(told)) == 1
    [kept] = sender.deliveries()
    assert (kept["outcome"], kept["problem"]) == (
        "refused", "webhook-signature is not made with this hook's secret over this body",
    )  # fmt: skip
    assert owner.api.get("/api/v1/executions").json()["data"] == []


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 422),
        (b"[1]", "application/json", 422),
        (b'{"a": NaN}', "application/json", 422),
        (b"a=1", "application/x-www-form-urlencoded", 422),
        (b'{"a": "' + b"x" * 131_073 + b'"}', "application/json", 422),
        (b"x" * (1024 * 1024 + 1), "application/json", 413),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_and_kept(owner, job, body, kind, status):
    sender = Sender(owner)
    answer = sender.deliver(body, kind=kind)
    assert answer.status_code == status, answer.content
    assert [kept["outcome"] for kept in sender.deliveries()] == (["refused"] if status == 422 else [])


def test_both_secrets_of_a_rotation_are_good_until_the_old_one_ends(owner, job):
    sender = Sender(owner)
    path = f"/api/v1/hooks/{sender.hook['id']}/rotate-secret"
    old, new = sender.secret, owner.api.post(path, {"overlap_seconds": 3600}).json()["secret"]
    assert sender.deliver(named="1").status_code == 202
    sender.secret = new
    assert sender.deliver(named="2").status_code == 202
    rows.change("UPDATE hook SET former_until = now() WHERE id = %s", sender.hook["id"])
    sender.secret = old
    assert sender.deliver(named="3").status_code == 401


def test_an_old_address_is_unknown_at_once(owner, job):
    sender = Sender(owner)
    moved = owner.api.post(f"/api/v1/hooks/{sender.hook['id']}/rotate-token", {}).json()["url"]
    assert sender.deliver().status_code == 401
    sender.path = "/hooks/" + moved.rsplit("/", 1)[1]
    assert sender.deliver().status_code == 202


def test_what_is_disabled_or_suspended_takes_nothing_and_says_so_to_its_sender_alone(owner, job):
    sender = Sender(owner)
    owner.api.post(f"/api/v1/hooks/{sender.hook['id']}/disable", {})
    assert (sender.deliver().status_code, sender.deliver(webhook_signature="v1,AAAA").status_code) == (404, 401)
    assert "disabled" in sender.deliveries()[1]["problem"]
    rows.change("UPDATE tenant SET state = 'suspended' WHERE id = %s", owner.tenant.id)
    assert sender.deliver().json()["error"]["code"] == "TENANT_SUSPENDED"
    assert rows.fetch("SELECT count(*) FROM execution WHERE tenant_id = %s", owner.tenant.id) == [(0,)]


def test_whoever_guesses_is_not_looked_at_any_more_and_the_sender_is(owner, job):
    sender = Sender(owner)
    with rates.only(failed="3/h"):
        assert sender.deliver(named="good").status_code == 202
        guesses = [sender.client.post(f"/hooks/hk_{n:043}", b"{}", content_type="application/json") for n in range(5)]
        assert [answer.status_code for answer in guesses] == [401, 401, 401, 429, 429]
        assert sender.deliver(named="again").status_code == 202  # from the same address, and known to be good


def test_deliveries_are_limited_like_requests_of_a_key(owner, job):
    sender = Sender(owner, scheme="none")
    with rates.only(key="2/h"):
        assert [sender.deliver().status_code for _ in range(3)] == [202, 202, 429]


@pytest.mark.parametrize("method", ["get", "put", "delete", "options", "head"])
def test_other_methods_say_the_same_of_every_address(owner, method):
    sender = Sender(owner)
    answers = [getattr(sender.client, method)(path) for path in (sender.path, "/hooks/unknown")]
    assert [answer.status_code for answer in answers] == [405, 405]


@pytest.fixture
def log(monkeypatch):
    """The process's log, as it is configured in earnest."""
    root, written = logging.getLogger(), io.StringIO()
    handlers, level = list(root.handlers), root.level
    monkeypatch.setattr("sys.stderr", written)
    before = structlog.get_config()
    log_format.configure({"level": "debug", "format": "console"})
    structlog.configure(cache_logger_on_first_use=False)  # or a logger first used here would keep this format for good
    yield written
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)


def test_tokens_and_secrets_are_in_no_log(owner, job, log):
    sender = Sender(owner)
    sender.deliver()
    sender.deliver(webhook_signature="v1,AAAA")
    sender.deliver(b"{")
    token = sender.path.rsplit("/", 1)[1]
    written = log.getvalue() + repr(
        rows.fetch("SELECT r::text FROM received_event r WHERE tenant_id = %s", owner.tenant.id)
    )
    assert "/hooks/hk_…" in written  # refused requests are logged with their address
    assert token not in written
    assert sender.secret not in written
    assert sender.secret.removeprefix("whsec_") not in written
