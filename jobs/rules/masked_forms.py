"""The forms in which a secret may be written: as it is, encoded, escaped, quoted, or line by line."""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

from tenants.rules.maskable import SHORTEST

#: How encoders wrap long lines.
_COLUMNS = (76, 64)
#: What encoders of paths, queries and whole addresses leave as it is, beside letters and digits.
_SAFE = ("", "/", "!'()*", "!$&'()*+,;=:@", "!$&'()*+,;=:@/?", ";/?:@&=+$,#!'()*")
_SPECIAL_IN_SHELLS = re.compile(r"([^\w@%+=:,./-])", re.ASCII)


def forms(secret: str) -> set[str]:
    """All that must not be readable if this must not; nothing for what is too short."""
    found = {secret, *_lines(secret)}
    found |= {form for text in list(found) for form in _written(text)} | set(_encoded(secret.encode(errors="replace")))
    return {form for form in found if len(form) >= SHORTEST}


def _lines(secret: str) -> set[str]:
    lines = secret.splitlines()
    return {line.strip() for line in lines if len(line.strip()) >= SHORTEST} if len(lines) > 1 else set()


def _written(text: str) -> Iterator[str]:
    """Escaped or quoted by what writes it."""
    yield from _in_json(text)
    for escaped in list(_in_json(text)):
        yield from _in_json(escaped)  # JSON in a text of JSON
    yield repr(text)[1:-1]
    yield text.encode(errors="replace").__repr__()[2:-1]
    yield text.replace("\\", "\\\\").replace("'", "\\'")
    yield shlex.quote(text)[1:-1] if "'" in text else text
    yield text.replace("'", "'\\''")
    yield _SPECIAL_IN_SHELLS.sub(r"\\\1", text)
    yield html.escape(text)
    yield html.escape(text, quote=False)
    data = text.encode(errors="replace")
    for percent in (*(quote(data, safe=safe) for safe in _SAFE), quote_plus(data), quote_plus(data, safe="!'()*~")):
        yield percent
        yield re.sub("%..", lambda found: found[0].lower(), percent)


def _in_json(text: str) -> Iterator[str]:
    for ascii_only in (True, False):
        escaped = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield escaped
        yield escaped.replace("/", "\\/")


def _encoded(data: bytes) -> Iterator[str]:
    """In Base64, wherever it begins in what was encoded and however long lines are wrapped; and in hexadecimal digits."""
    for offset in range(3):
        text = base64.b64encode(bytes(offset) + data).decode()
        # Only characters all of whose bits are the secret's: those beside them differ with what stands there.
        whole = text[-(-8 * offset // 6) : 8 * (offset + len(data)) // 6]
        yield whole
        yield whole.replace("+", "-").replace("/", "_")
        if not offset:
            for columns in _COLUMNS:
                yield from (whole[start : start + columns] for start in range(0, len(whole), columns))
    yield data.hex()
    yield data.hex().upper()
