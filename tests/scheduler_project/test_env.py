"""What the environment may say; a wrong value is refused with the variable's name."""

from __future__ import annotations

import re
from ipaddress import ip_network

import pytest
from pydantic import ValidationError

from scheduler_project import env
from scheduler_project.env import Env
from tenants.rules import rates

RATES = sorted(field.validation_alias for field in Env.model_fields.values() if "_RATE" in str(field.validation_alias))


def test_networks_of_proxies_are_read(monkeypatch):
    monkeypatch.setenv("CARILLON_TRUSTED_PROXIES", '["10.0.0.0/8", "127.0.0.1", "fd00::/8"]')
    assert Env().trusted_proxies == [ip_network("10.0.0.0/8"), ip_network("127.0.0.1"), ip_network("fd00::/8")]


@pytest.mark.parametrize("wrong", ["10.0.0.0/8", '["10.0.0.1/8"]', '["*"]', '["proxy.internal"]', "2", '[""]'])
def test_what_is_no_list_of_networks_is_refused(monkeypatch, wrong):
    monkeypatch.setenv("CARILLON_TRUSTED_PROXIES", wrong)
    with pytest.raises(Exception, match=r"CARILLON_TRUSTED_PROXIES|trusted_proxies"):
        Env()


@pytest.mark.parametrize("variable", RATES)
@pytest.mark.parametrize("wrong", ["100", "0/s", "100/y", "1e3/s", "-1/m", " 1/s", "1/s\n", "1000000/s"])
def test_what_is_no_rate_is_refused(monkeypatch, variable, wrong):
    monkeypatch.setenv(variable, wrong)
    with pytest.raises(ValidationError, match=variable):
        Env()


def test_rates_are_off_or_read_as_everywhere(monkeypatch):
    assert len(RATES) == 7
    for variable in RATES:
        monkeypatch.setenv(variable, "")
    assert Env().api_rate == ""
    for text in ("1/s", "999999/d", "100/m", "", "01/s", "1/S"):
        assert bool(re.search(env.RATE, text)) == (text == "" or bool(re.search(rates.PATTERN, text)))


def test_an_index_of_packages_with_a_log_in_is_refused(monkeypatch):
    monkeypatch.setenv("CARILLON_PIP_INDEX", "https://anna:secret@packages.test/simple")
    with pytest.raises(ValidationError, match="CARILLON_PIP_INDEX") as caught:
        Env()
    assert "holds a log-in" in str(caught.value)
    monkeypatch.setenv("CARILLON_PIP_INDEX", "https://packages.test/simple")
    assert Env().pip_index == "https://packages.test/simple"
