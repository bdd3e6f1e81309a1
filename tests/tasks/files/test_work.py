"""How entries are told."""

from __future__ import annotations

import pytest

from tasks.files.contract import FILE, Entry
from tasks.files.work import told


@pytest.mark.parametrize(
    ("modified", "text"),
    [
        (1774744200.1234, "2026-03-29T00:30:00.123Z"),
        (0.0, "1970-01-01T00:00:00.000Z"),
        (-5.0, "1970-01-01T00:00:00.000Z"),
        (1e300, "9999-12-31T23:59:59.000Z"),
    ],
)
def test_when_a_file_was_changed_is_told_as_everywhere(modified, text):
    assert told(Entry("a", FILE, 5, modified)) == {"path": "a", "kind": FILE, "bytes": 5, "modified": text}
