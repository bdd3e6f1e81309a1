"""Generated pages say what the code says."""

from __future__ import annotations

import pytest

from scheduler_project import reference


@pytest.mark.parametrize("path", sorted(reference.pages()), ids=lambda path: path.name)
def test_generated_page_is_current(path):
    assert path.read_text() == reference.pages()[path], "run `make docs`"
