"""The installation's quotas are checked as the process starts."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from scheduler_project.env import Env


def test_quotas_are_a_json_object_of_known_names(monkeypatch):
    monkeypatch.setenv("CARILLON_QUOTAS", '{"unfinished": 1000, "log_bytes": 65536}')
    assert Env().quotas == {"unfinished": 1000, "log_bytes": 65536}


@pytest.mark.parametrize("text", ['{"pending": 5}', '{"jobs": -1}', '{"jobs": "many"}'])
def test_a_quota_that_means_nothing_stops_the_start(monkeypatch, text):
    monkeypatch.setenv("CARILLON_QUOTAS", text)
    with pytest.raises(ValidationError, match="CARILLON_QUOTAS"):
        Env()
