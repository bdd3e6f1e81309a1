"""How short a secret may be: the one home of a number that storing, showing and masking must agree on."""

from __future__ import annotations

#: Characters. A shorter one could not be told from other text when logs are masked.
SHORTEST = 8
