"""Invitations by mail: over a real SMTP server, after the commit, and never the request's failure."""

from __future__ import annotations

import re
import secrets

import pytest
from django.test import override_settings

from scheduler_project import mail as of_project
from scheduler_project.local import ports
from tenants.rules import permissions
from tests.support import actors, mailbox, rows
from tests.support.actors import Api

INVITATIONS = "/api/v1/invitations"


@pytest.fixture
def box():
    with mailbox.serving() as served:
        yield served


@pytest.fixture
def email():
    return f"{secrets.token_hex(6)}@example.com"


def test_the_link_is_mailed_and_leads_in(owner, box, email):
    answer = owner.api.post(INVITATIONS, {"email": email, "role": "runner"})
    assert answer.json()["mailed"] is True
    (mail,) = box.mails
    assert (mail["To"], mail["From"]) == (email, "carillon@example.com")
    assert owner.tenant.name in mail["Subject"]
    link = re.search(r"https?://\S+", mail.get_content())[0]
    assert answer.json()["link"] is None
    accepted = {"token": link.rpartition("/")[2], "password": "a good long password"}
    assert Api("").post(f"{INVITATIONS}/accept", accepted).status_code == 201


def test_a_link_that_is_mailed_is_not_told_to_who_invites(owner, box, email):
    """They could choose the password of somebody this installation is yet to know, and be them in other tenants later."""
    asked = owner.api.post(INVITATIONS, {"email": email, "role": "runner"}).json()
    rows.change("UPDATE invitation SET sent_at = sent_at - interval '2 minutes' WHERE id = %s", asked["id"])
    again = owner.api.post(f"{INVITATIONS}/{asked['id']}/resend").json()
    assert (asked["link"], again["link"], again["mailed"], len(box.mails)) == (None, None, True, 2)
    platform = actors.with_scopes(owner, [permissions.ADMIN, permissions.PLATFORM])
    told = platform.api.post(INVITATIONS, {"email": f"b{email}", "role": "runner"}).json()
    assert told["link"] in box.mails[-1].get_content()


def test_a_tenants_name_cannot_write_headers(owner, box, email):
    rows.change("UPDATE tenant SET name = %s WHERE id = %s", "Acme\r\nBcc: everybody@example.com", owner.tenant.id)
    assert owner.api.post(INVITATIONS, {"email": email, "role": "viewer"}).status_code == 201
    (mail,) = box.mails
    assert mail["Bcc"] is None
    assert "Acme Bcc:" in mail["Subject"]


def test_a_refused_invitation_sends_nothing(owner, box, email):
    assert owner.api.post(INVITATIONS, {"email": email, "role": "viewer", "own_jobs_only": True}).status_code == 422
    assert box.mails == []


def test_a_mail_server_that_refuses_or_is_gone_leaves_the_invitation(owner, box, email):
    box.refusing = True
    refused = owner.api.post(INVITATIONS, {"email": email, "role": "viewer"})
    gone = of_project.settings(f"smtp://127.0.0.1:{ports.free()}", sender="c@example.com")
    with override_settings(**gone):
        nobody = owner.api.post(INVITATIONS, {"email": f"b{email}", "role": "viewer"})
    assert (refused.status_code, nobody.status_code) == (201, 201)
    assert len(owner.api.get(INVITATIONS).json()["data"]) == 2


def test_settings_are_made_of_one_url():
    made = of_project.settings("smtp://me%40x:p%2Fw@mail.example.com:587?tls=1", sender="c@x")
    assert (made["EMAIL_HOST"], made["EMAIL_PORT"]) == ("mail.example.com", 587)
    assert (made["EMAIL_HOST_USER"], made["EMAIL_HOST_PASSWORD"]) == ("me@x", "p/w")
    assert (made["EMAIL_USE_TLS"], made["EMAIL_USE_SSL"]) == (True, False)
    assert of_project.settings("smtps://h", sender="")["EMAIL_PORT"] == 465
    assert "dummy" in of_project.settings("", sender="")["EMAIL_BACKEND"]


@pytest.mark.parametrize("url", ["http://h", "smtp://", "mail.example.com:25"])
def test_a_url_that_is_none_stops_the_start(url):
    with pytest.raises(Exception, match="CARILLON_EMAIL_URL"):
        of_project.settings(url, sender="")
