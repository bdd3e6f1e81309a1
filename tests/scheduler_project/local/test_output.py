from __future__ import annotations

from contextlib import closing
from pathlib import Path

from scheduler_project.local.output import LogFile


def test_full_log_is_moved_aside_once(tmp_path: Path) -> None:
    with closing(LogFile(tmp_path / "web.log", max_bytes=10)) as log:
        for word in ("first line", "second line", "third line"):
            log.write(word)
    assert (tmp_path / "web.log.1").read_text() == "second line\n"
    assert log.path.read_text() == "third line\n"


def test_log_goes_on_where_the_last_run_ended(tmp_path: Path) -> None:
    for word in ("yesterday", "today"):
        with closing(LogFile(tmp_path / "web.log")) as log:
            log.write(word)
    assert (tmp_path / "web.log").read_text() == "yesterday\ntoday\n"
