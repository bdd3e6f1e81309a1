"""Settings by the names that other schedulers have for them: same meaning, their unit, no contradiction."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from jobs.services import job_defaults
from scheduler_project import other_names
from scheduler_project.env import Env
from tasks import beat
from tenants.models import Tenant

#: As a .env of theirs has them; and what that is here.
GIVEN = {
    "DEFAULT_TIMEOUT": ("300000", "default_timeout_seconds", 300.0),
    "RETRY_ATTEMPTS": ("3", "default_attempts", 3),
    "RETRY_DELAY": ("1500", "default_retry_delay_seconds", 1.5),
    "MAX_CONCURRENT_TASKS": ("10", "worker_slots", 10),
    "MAINTENANCE_INTERVAL": ("60000", "maintenance_seconds", 60.0),
}


def test_every_other_name_is_tried_here_and_is_of_a_setting():
    known = {field.validation_alias for field in Env.model_fields.values()}
    assert {other.name for other in other_names.OTHER_NAMES} == set(GIVEN)
    assert {other.setting for other in other_names.OTHER_NAMES} <= known
    assert not set(GIVEN) & (known | set(other_names.REPLACED))


@pytest.mark.parametrize("name", GIVEN)
def test_it_is_read_in_its_own_unit(monkeypatch, name):
    text, field, value = GIVEN[name]
    monkeypatch.setenv(name, text)
    assert getattr(Env(), field) == value


@pytest.mark.parametrize("other", other_names.OTHER_NAMES, ids=lambda other: other.name)
def test_given_by_both_names_it_must_say_the_same(monkeypatch, other):
    text, field, value = GIVEN[other.name]
    monkeypatch.setenv(other.name, text)
    monkeypatch.setenv(other.setting, str(value))
    assert getattr(Env(), field) == value
    monkeypatch.setenv(other.setting, "77")
    with pytest.raises(ValidationError) as caught:
        Env()
    assert other.name in str(caught.value)
    assert other.setting in str(caught.value)


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize("wrong", ["5m", "-1", "1.5", "1e5", "999999999999", "٣"])
def test_what_is_no_number_of_its_unit_is_refused_by_its_name(monkeypatch, name, wrong):
    monkeypatch.setenv(name, wrong)
    with pytest.raises(ValidationError, match=name):
        Env()


def test_an_empty_one_is_as_if_it_were_not_given(monkeypatch):
    monkeypatch.setenv("DEFAULT_TIMEOUT", "")
    assert Env().default_timeout_seconds is None


def test_levels_and_formats_are_read_in_any_letter_case(monkeypatch):
    monkeypatch.setenv("LOG_LEVEL", "INFO")
    monkeypatch.setenv("LOG_FORMAT", "JSON")
    assert (Env().log_level, Env().log_format) == ("info", "json")


def test_a_job_takes_its_tenants_defaults_and_then_the_installations(monkeypatch, settings):
    monkeypatch.setenv("DEFAULT_TIMEOUT", "90000")
    monkeypatch.setenv("RETRY_ATTEMPTS", "5")
    settings.JOB_DEFAULTS = Env().job_defaults
    assert job_defaults.of_jobs(Tenant()) == {"timeout_seconds": 90.0, "retry": {"max_attempts": 5}}
    own = Tenant(default_timeout_seconds=7, default_retry={"max_attempts": 1})
    assert job_defaults.of_jobs(own) == {"timeout_seconds": 7, "retry": {"max_attempts": 1}}
    monkeypatch.undo()
    settings.JOB_DEFAULTS = Env().job_defaults
    assert job_defaults.of_jobs(Tenant()) == {}


def test_a_job_made_without_a_policy_has_the_installations(owner, settings):
    settings.JOB_DEFAULTS = {"timeout_seconds": 90.0, "retry": {"max_attempts": 5, "delay_seconds": 1.5}}
    job = owner.api.post("/api/v1/jobs", {"name": "a", "type": "dummy"}).json()
    assert (job["timeout_seconds"], job["retry"]["max_attempts"], job["retry"]["delay_seconds"]) == (90, 5, 1.5)
    named = owner.api.post("/api/v1/jobs", {"name": "b", "type": "dummy", "timeout_seconds": 1, "retry": {}}).json()
    assert (named["timeout_seconds"], named["retry"].get("max_attempts", 3)) == (1, 3)


def test_beat_asks_for_housekeeping_as_often_as_is_set():
    every = timedelta(minutes=1)
    entry = beat.entries(maintenance_every=every)["maintenance"]
    assert (entry["schedule"], entry["options"]["expires"]) == (every, 60)
    assert beat.entries() == beat.ENTRIES
