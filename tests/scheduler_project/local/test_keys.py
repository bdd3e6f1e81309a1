from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from scheduler_project.local import keys


def test_secrets_are_made_up_once_and_kept(tmp_path: Path) -> None:
    first = keys.load(tmp_path / "secrets.json")
    assert keys.load(tmp_path / "secrets.json") == first
    assert len(set(asdict(first).values())) == len(asdict(first))
    assert keys.load(tmp_path / "other.json") != first


def test_secret_that_an_older_version_did_not_know_is_added(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    first = asdict(keys.load(path))
    path.write_text(json.dumps({name: value for name, value in first.items() if name != "redis"}))
    assert {**asdict(keys.load(path)), "redis": None} == {**first, "redis": None}
    assert path.stat().st_mode & 0o777 == 0o600


def test_secrets_do_not_show_when_printed(tmp_path: Path) -> None:
    made = keys.load(tmp_path / "secrets.json")
    assert not [value for value in asdict(made).values() if value in repr(made)]
