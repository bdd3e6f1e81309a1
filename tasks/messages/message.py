"""What is said, whoever it goes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from jobs.handlers import Json

Format = Literal["text", "markdown", "html"]


@dataclass(frozen=True, slots=True)
class Message:
    """``id`` is the same however often it is sent: whoever gets it twice can tell. ``about`` goes along to webhooks."""

    title: str
    body: str
    id: str
    format: Format = "text"
    about: Mapping[str, Json] = field(default_factory=dict)
