"""Whose state a statement speaks of, where it is a table's that has states of its own."""

from __future__ import annotations

import re

from jobs.models import ArtifactState, AttemptState, ExecutorState
from jobs.models.channel_message import ChannelMessage
from jobs.rules.approvals import Standing

TABLES = {
    "approval": set(Standing),
    "attempt": set(AttemptState.values),
    "artifact": set(ArtifactState.values),
    "channel_message": set(ChannelMessage.State.values),
    "executor": set(ExecutorState.values),
    "tried": set(ChannelMessage.State.values),  # what message_not_sent calls those it changes
}


def known(before: str, alias: str) -> set[str] | None:
    """By the text before: an alias is the last table's that it was given to, no alias the last table that was named.

    What stands in closed brackets is over, and names nothing here.
    """
    closed = 1
    while closed:
        before, closed = re.subn(r"\([^()]*\)", "", before)
    named = rf"(\w+)(?: AS)? {alias.removesuffix('.')}\b" if alias else r"(\w+)"
    tables = re.findall(rf"\b(?:FROM|JOIN|UPDATE|USING) {named}", before)
    return TABLES.get(tables[-1]) if tables else None
