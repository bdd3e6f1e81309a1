"""What holds for a tenant: its own number, else the installation's, else none."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tenants.rules import grants, invitations, quotas


@pytest.mark.parametrize(
    ("own", "defaults", "holds"),
    [(None, {}, None), (5, {}, 5), (None, {"jobs": 7}, 7), (5, {"jobs": 7}, 5), (9, {"jobs": 7}, 9), (0, {"jobs": 7}, 0),
     (None, {"schedules": 7}, None)],
)  # fmt: skip
def test_own_numbers_go_before_the_installations(own, defaults, holds):
    assert quotas.JOBS.limit(own, defaults) == holds


def test_a_refusal_says_what_and_how_much():
    told = quotas.refusal(quotas.JOBS, 10, 12)
    assert "12 jobs" in told
    assert "may have 10" in told


@pytest.mark.parametrize(("own", "days"), [(None, 90), (7, 7), (90, 90), (365, 90)])
def test_nobody_keeps_for_longer_than_the_installation(own, days):
    assert quotas.kept_for(own, timedelta(days=90)) == timedelta(days=days)


@pytest.mark.parametrize(
    ("name", "allowed", "refused"), [("a", [], False), ("a", ["a", "b"], False), ("c", ["b", "a"], True)]
)
def test_nothing_granted_by_name_means_all(name, allowed, refused):
    message = grants.refusal(name, allowed)
    assert bool(message) == refused
    assert not refused or "a, b" in message


def test_tokens_are_random_and_only_their_shape_is_hashed():
    tokens = {invitations.new_token() for _ in range(100)}
    assert len(tokens) == 100
    digests = {invitations.digest(token, "pepper") for token in tokens}
    assert len(digests) == 100
    assert None not in digests
    token = tokens.pop()
    assert invitations.digest(token, "other") not in digests
    for text in ("", "inv_", token[:-1], f"{token}x", token.replace("inv_", "ck_"), f"{token}\n", f" {token}"):
        assert invitations.digest(text, "pepper") is None
