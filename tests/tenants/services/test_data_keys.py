"""Installation keys change while everything runs: wrapped anew, nothing lost, nothing stuck unseen."""

from __future__ import annotations

import threading
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import override_settings

from tenants import context
from tenants.models import Tenant
from tenants.rules import sealing
from tenants.services import data_keys, secrets
from tests.support import logins, rows
from tests.support.processes import eventually

OLD, NEW = "5e" * 32, "a1" * 32
CANARY = "canary-9bb0-value"


def keys(*texts: str) -> Any:
    return override_settings(ENCRYPTION_KEYS=sealing.ring(",".join(texts)))


def make(tenant: Any, name: str = "token") -> None:
    with context.within(context.Scope(tenant_id=tenant)), transaction.atomic():
        secrets.create(tenant=Tenant.objects.get(pk=tenant), name=name, value=CANARY)


def wrapped_by() -> set[str]:
    return {row[0] for row in rows.fetch("SELECT DISTINCT key_id FROM data_key")}


def rewrap() -> str:
    out = StringIO()
    with logins.engine():
        call_command("rewrap_secrets", stdout=out)
    return out.getvalue()


def test_a_rotation_in_its_steps(empty_database: None) -> None:
    first, second = rows.tenant(), rows.tenant()
    with keys(OLD):
        make(first)
    with keys(OLD, NEW):  # every process knows the new one before any writes with it
        make(second)
    assert wrapped_by() == {sealing.ring(OLD).first.id}
    with keys(NEW, OLD):
        assert "2 data keys wrapped anew" in rewrap()
        assert "0 data keys wrapped anew" in rewrap()
    assert wrapped_by() == {sealing.ring(NEW).first.id}
    with keys(NEW), logins.engine():
        assert secrets.reveal(first, ["token"]) == secrets.reveal(second, ["token"]) == {"token": CANARY}
    with keys(OLD), logins.engine(), pytest.raises(data_keys.Unreadable):
        secrets.reveal(first, ["token"])


def test_what_no_key_opens_is_named_and_left_and_the_rest_is_done(empty_database: None) -> None:
    lost, good = rows.tenant(), rows.tenant()
    with keys("c3" * 32):
        make(lost)
    with keys(OLD):
        make(good)
    with keys(NEW, OLD), logins.engine():
        out = StringIO()
        with pytest.raises(CommandError, match="1 data keys are as they were"):
            call_command("rewrap_secrets", stdout=out)
        assert str(lost) in out.getvalue()
        assert secrets.reveal(good, ["token"]) == {"token": CANARY}


def test_it_asks_for_the_engines_log_in() -> None:
    with pytest.raises(CommandError, match="environment of a worker"):
        call_command("rewrap_secrets")


def test_without_keys_it_says_what_to_set() -> None:
    with override_settings(ENCRYPTION_KEYS=None), logins.engine(), pytest.raises(CommandError, match="CARILLON_ENC"):
        call_command("rewrap_secrets")


def test_two_first_secrets_of_a_tenant_share_one_data_key(empty_database: None) -> None:
    tenant = rows.tenant()
    together = threading.Barrier(2)
    problems: list[Exception] = []

    def write(name: str) -> None:
        try:
            together.wait(60)
            make(tenant, name)
        except Exception as error:
            problems.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert problems == []
    assert rows.fetch("SELECT count(*) FROM data_key") == [(1,)]
    with logins.engine():
        assert secrets.reveal(tenant, ["a", "b"]) == {"a": CANARY, "b": CANARY}


def test_wrapping_anew_to_and_fro_disturbs_no_reader(empty_database: None, monkeypatch: Any) -> None:
    monkeypatch.setattr(data_keys, "BATCH", 3)
    tenants = [rows.tenant() for _ in range(20)]
    with keys(OLD):
        for tenant in tenants:
            make(tenant)
    done, problems, reads = threading.Event(), [], []

    def read() -> None:
        try:
            while not done.is_set():
                for tenant in tenants:
                    assert secrets.reveal(tenant, ["token"]) == {"token": CANARY}
                reads.append(1)
        except Exception as error:
            problems.append(error)
        finally:
            connection.close()

    with logins.engine():
        readers = [threading.Thread(target=read) for _ in range(2)]
        with keys(OLD, NEW):
            try:
                for reader in readers:
                    reader.start()
                assert eventually(lambda: len(reads) >= 2 or problems)
                for first, other in ((NEW, OLD), (OLD, NEW), (NEW, OLD)):
                    with keys(first, other):
                        outcome = data_keys.rewrap_all()
                        assert (outcome.done, outcome.stuck) == (20, [])
                seen = len(reads)
                assert eventually(lambda: len(reads) >= seen + 2 or problems)
            finally:
                done.set()
                for reader in readers:
                    reader.join(30)
    assert problems == []
    assert wrapped_by() == {sealing.ring(NEW).first.id}


def test_values_written_while_data_keys_are_wrapped_anew_are_all_readable(empty_database: None) -> None:
    """Writers are the app and the command the engine, so they are different processes."""
    import os
    import subprocess
    import sys

    from scheduler_project.env import ROOT
    from tests.support import servers

    tenants = [rows.tenant() for _ in range(12)]
    both = {"CARILLON_ENCRYPTION_KEYS": f"{NEW},{OLD}", "CARILLON_DATABASE_ROLE": "engine"}
    environment = {**os.environ, **both, "DATABASE_URL": servers.URLS["engine"]}
    with keys(OLD, NEW):
        make(tenants[0])
        command = [sys.executable, "manage.py", "rewrap_secrets"]
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as running:
            written = 0
            while running.poll() is None or written < len(tenants):
                make(tenants[written % len(tenants)], f"value_{written}")
                written += 1
            assert running.returncode == 0
        with logins.engine():
            data_keys.rewrap_all()
            for number in range(written):
                assert secrets.reveal(tenants[number % len(tenants)], [f"value_{number}"])
    assert written >= len(tenants)
