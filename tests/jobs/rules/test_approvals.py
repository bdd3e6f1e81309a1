"""Who may decide on what an execution waits for."""

from __future__ import annotations

import pytest

from jobs.rules.approvals import Asked, Decider, in_words, why_not

ANN = Decider(names={"user:ann@example.com", "key:1"}, email="Ann@example.com", role="editor")
KEY = Decider(names={"key:2", "user:bob@example.com"}, api_key="8d7a")
PLATFORM = Decider(names={"user:root@example.com"}, email="root@example.com")


@pytest.mark.parametrize(
    ("asked", "may"),
    [
        (Asked(), {"ann", "key", "platform"}),
        (Asked(roles=["editor"]), {"ann"}),
        (Asked(roles=["admin"]), set()),
        (Asked(members=["ann@EXAMPLE.com"]), {"ann"}),
        (Asked(api_keys=["8d7a"]), {"key"}),
        (Asked(roles=["editor"], api_keys=["8d7a"]), {"ann", "key"}),
        (Asked(not_by_requester=True, requested_by="user:ann@example.com"), {"key", "platform"}),
        (Asked(not_by_requester=True, requested_by="key:1"), {"key", "platform"}),
        (Asked(not_by_requester=True, requested_by="user:bob@example.com"), {"ann", "platform"}),
        (Asked(not_by_requester=True, requested_by=""), {"ann", "key", "platform"}),
        (Asked(not_by_requester=False, requested_by="key:1"), {"ann", "key", "platform"}),
        (Asked(roles=["editor"], not_by_requester=True, requested_by="key:1"), set()),
    ],
)
def test_who_is_named_may_decide_and_who_started_it_not_where_it_takes_four_eyes(asked, may):
    found = {"ann": ANN, "key": KEY, "platform": PLATFORM}
    assert {name for name, who in found.items() if not why_not(asked, who)} == may


def test_an_empty_role_or_key_is_nobodys():
    assert why_not(Asked(roles=["admin"], members=[""], api_keys=[""]), PLATFORM)


def test_many_names_are_counted_and_none_are_told():
    assert in_words(["a", "b"], Asked()) == "a, b"
    assert in_words(list("abcdefg"), Asked()) == "a, b, c, d, e and 2 more"
    assert in_words([], Asked(roles=["admin"])) == "nobody: whoever was named is gone"
    assert in_words([], Asked()) == "nobody: no one may run jobs"
