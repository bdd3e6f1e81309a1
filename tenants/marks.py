"""How the console writes things down, the same on every page.

A state is an icon, a word and a colour, so that none of the three must be seen to understand it.
An instant always shows its zone. Values that tenants or their jobs made are data: escaped, never markup.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from tenants.rules import phrases

NOTHING = "–"

# word: (Material Symbols icon, tone). A word means the same wherever it stands.
_MARKS: Mapping[str, tuple[str, str]] = {
    "planned": ("schedule", "calm"),
    "scheduled": ("schedule", "calm"),
    "blocked": ("front_hand", "calm"),
    "pending": ("hourglass_top", "calm"),
    "queued": ("stacks", "info"),
    "running": ("play_circle", "info"),
    "succeeded": ("check_circle", "good"),
    "failed": ("error", "bad"),
    "cancelled": ("cancel", "calm"),
    "skipped": ("redo", "warning"),
    "released": ("undo", "calm"),
    "deferred": ("update", "calm"),
    "lost": ("heart_broken", "bad"),
    "active": ("check_circle", "good"),
    "in force": ("construction", "warning"),
    "coming": ("schedule", "calm"),
    "over": ("check", "calm"),
    "paused": ("pause_circle", "warning"),
    "disabled": ("do_not_disturb_on", "calm"),
    "deleted": ("delete", "calm"),
    "ended": ("flag", "calm"),
    "invalid": ("error", "bad"),
    "open": ("error", "bad"),
    "redriven": ("replay", "good"),
    "discarded": ("delete", "calm"),
    "suspended": ("pause_circle", "warning"),
    "live": ("check_circle", "good"),
    "draining": ("hourglass_bottom", "warning"),
    "drained": ("pause_circle", "warning"),
    "gone": ("cancel", "calm"),
    "expired": ("timer_off", "warning"),
    "revoked": ("block", "calm"),
    "sealed": ("verified", "good"),
    "unsealed": ("pending", "warning"),
    "sent": ("outgoing_mail", "info"),
    "accepted": ("check_circle", "good"),
    "aborted": ("cancel", "calm"),
    "started": ("play_circle", "good"),
    "left_out": ("redo", "warning"),
    "unmatched": ("search_off", "calm"),
    "duplicate": ("content_copy", "calm"),
    "refused": ("block", "bad"),
    "waiting": ("how_to_vote", "warning"),
    "approved": ("thumb_up", "good"),
    "rejected": ("thumb_down", "bad"),
    "lapsed": ("timer_off", "warning"),
    "withdrawn": ("cancel", "calm"),
}


def state(word: str) -> SafeString:
    """A state."""
    icon, tone = _MARKS.get(word, ("help", "calm"))
    return format_html(
        '<span class="mark mark-{}"><span class="material-symbols-outlined" aria-hidden="true">{}</span>{}</span>',
        tone,
        icon,
        word,
    )


instant_text = phrases.instant


def instant(value: datetime | None, *, millis: bool = False) -> SafeString | str:
    """The same for machines too."""
    if value is None:
        return NOTHING
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), phrases.instant(value, millis=millis))


def length(value: timedelta | float | None) -> str:
    """How long something takes, in at most two units."""
    return NOTHING if value is None else phrases.length(value)


def link(url: str, text: Any) -> SafeString:
    """A way to another page."""
    return format_html('<a class="console-link" href="{}">{}</a>', url, text)


def json_block(value: Any) -> SafeString | str:
    """A JSON value, laid out."""
    if value is None:
        return NOTHING
    return text_block(json.dumps(value, indent=2, ensure_ascii=False, cls=DjangoJSONEncoder))


def text_block(value: Any) -> SafeString | str:
    """A text as it was written."""
    return NOTHING if value in (None, "") else format_html('<pre class="console-json" tabindex="0">{}</pre>', value)


def code(text: Any) -> SafeString:
    """Something to copy: an id, a rule, a code."""
    return format_html("<code>{}</code>", text)


def shortened(text: str, limit: int = 80) -> SafeString | str:
    """The beginning of a text; the whole of it is its tool tip."""
    if len(text) <= limit:
        return text or NOTHING
    return format_html('<span title="{}">{}…</span>', text[:1000], text[: limit - 1].rstrip())


def joined(parts: Iterable[Any], between: str = " · ") -> SafeString:
    """Several things in a row."""
    return format_html_join(between, "{}", ((part,) for part in parts))
