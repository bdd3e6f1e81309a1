from __future__ import annotations

import json

import pytest

from tasks import foreign


@pytest.mark.parametrize(
    ("data", "charset", "expected"),
    [
        (b"caf\xc3\xa9", "utf-8", "café"),
        (b"caf\xe9", "latin-1", "café"),
        (b"caf\xe9", "utf-8", "caf\ufffd"),
        (b"caf\xc3\xa9", "no-such-charset", "café"),
        (b"61", "hex", "61"),
        (b"anything", "undefined", "anything"),
        (b"a\x00b", "utf-8", "a\ufffdb"),
        (b"+2AA-", "utf-7", "?"),
    ],
)
def test_bytes_become_text_that_can_be_stored(data: bytes, charset: str, expected: str) -> None:
    assert foreign.text(data, charset) == expected


@pytest.mark.parametrize("data", [b'{"a": [1, 2.5, null, true]}', b"[]", b'"\xc3\xa9"', b"12345678901234567890"])
def test_json_is_read(data: bytes) -> None:
    assert foreign.value(data) == json.loads(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"NaN",
        b"[Infinity]",
        b"1e999",
        b'"\\ud800"',
        b'"a\\u0000b"',
        b'{"\\u0000": 1}',
        b"[" * 100_000,
        b"\xff",
        b'"%s"' % (b"x" * 65536),
    ],
)
def test_json_that_cannot_be_stored_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        foreign.value(data)
