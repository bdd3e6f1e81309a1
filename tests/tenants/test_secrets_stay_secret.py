"""A canary's way through everything: it is in no answer, page, log line, audit row or column, however written."""

from __future__ import annotations

import base64
import logging
import traceback
from typing import Any
from urllib.parse import quote

import pytest

from jobs import connections
from jobs.engine import dispatch
from tenants.services import data_keys, secrets
from tests.support import console, logins, rows
from tests.support.console import Console

CANARY = "canary/9e2f+55 d1&value"
FORMS = {
    CANARY,
    quote(CANARY),
    base64.b64encode(CANARY.encode()).decode(),
    CANARY.encode().hex(),
    CANARY.replace("&", "&amp;"),
    CANARY.encode("utf-16-le").hex(),
}
REDIS = {"host": "cache.example.com", "password": CANARY}


def found_in(text: str) -> set[str]:
    return {form for form in FORMS if form in text}


def everything_stored() -> str:
    """Every column of every table as text, as a dump would have it."""
    tables = rows.fetch(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
    )
    return "\n".join(str(row[0]) for (table,) in tables for row in rows.fetch(f"SELECT t::text FROM {table} t"))


def test_a_value_is_nowhere_but_with_the_worker_that_reads_it(owner: Any, caplog: Any, monkeypatch: Any) -> None:
    sent: list[str] = []
    monkeypatch.setattr(dispatch, "_send", lambda *told, **more: sent.append(repr((told, more))) or True)
    caplog.set_level(logging.DEBUG)
    api, told = owner.api, []
    path = "/api/v1/secrets"

    def say(answer: Any) -> None:
        told.append(answer.content.decode() + repr(answer.headers))

    say(api.post(path, {"name": "token", "value": CANARY}))
    say(api.post(path, {"name": "token", "value": CANARY}))  # the name is taken
    say(api.post(path, {"name": "cache", "kind": "redis", "value": REDIS}))
    say(
        api.post(
            path, {"name": "bad", "kind": "redis", "value": {**REDIS, "port": CANARY, "host": CANARY, "tls": CANARY}}
        )
    )
    say(api.post(path, {"name": CANARY, "kind": CANARY, "value": "some other value"}))
    say(api.patch(f"{path}/token", {"value": f"{CANARY} 2"}))
    for name in ("", "/token", "/token/versions", "/token/used-by", "/cache"):
        say(api.get(path + name))
    say(api.post(f"{path}/token/rollback", {"version": 1}))
    say(api.post(f"{path}/cache/test"))
    say(api.post("/api/v1/jobs", {"name": "uses", "type": "dummy", "payload": {"result": "{{ secrets.token }}"}}))
    say(api.post("/api/v1/jobs/uses/trigger"))
    say(api.get("/api/v1/executions"))
    with logins.engine():
        assert secrets.reveal(owner.tenant.id, ["token", "cache"])["token"] == CANARY

    assert found_in("\n".join(told)) == set()
    assert found_in(caplog.text) == set()
    assert found_in("\n".join(sent)) == set()
    assert sent
    assert found_in(everything_stored()) == set()


def test_a_value_is_in_no_page_of_the_console_also_where_it_is_refused() -> None:
    operator = Console()
    tenant = rows.tenant()
    add = console.url("tenants_secret_add")
    fields = {"tenant": tenant, "name": "token", "value": CANARY}
    refused = operator.client.post(f"{add}?kind=text", {**fields, "name": "not a name"})
    assert refused.status_code == 200
    made = operator.client.post(f"{add}?kind=text", fields)
    assert made.status_code == 302, console.problems(made)
    secret = rows.fetch("SELECT id FROM secret WHERE tenant_id = %s", tenant)[0][0]
    short = operator.press("tenants_secret_new_version", secret, value=CANARY[:7])
    connection = {
        "tenant": tenant,
        "name": "bad name",
        "host": "h",
        "port": "1",
        "database": "0",
        "tls": "off",
        "password": CANARY,
    }
    wrong = operator.client.post(f"{add}?kind=redis", connection)
    key = {
        "tenant": tenant,
        "name": "bad name",
        "host": "h",
        "port": "1",
        "user": "u",
        "host_key": "x",
        "private_key": CANARY,
    }
    long = operator.client.post(f"{add}?kind=sftp", key)
    pages = [
        operator.client.get(made["Location"]),
        operator.get("tenants_secret_changelist"),
        refused,
        short,
        wrong,
        long,
    ]
    assert {page.status_code for page in pages} == {200}
    text = "\n".join(page.content.decode() for page in pages)
    assert found_in(text) == set()
    assert CANARY[:7] + "<" not in text
    assert f'value="{CANARY[:7]}' not in text


def test_neither_repr_nor_a_traceback_shows_a_value() -> None:
    connection = connections.check("redis", REDIS)
    assert found_in(repr(connection) + str(connection) + connection.model_dump_json()) == set()
    with pytest.raises(Exception) as wrong:  # noqa: PT011
        connections.check("redis", {**REDIS, "port": CANARY, "surprise": CANARY})
    assert found_in("".join(traceback.format_exception(wrong.value)) + repr(wrong.value)) == set()
    key = data_keys.ring().first.material
    assert [form for form in (key.hex(), repr(key)[2:-1]) if form in repr(data_keys.ring())] == []


def test_a_refused_installation_key_is_not_quoted() -> None:
    from tenants.rules import sealing

    for text in ("ab" * 31, f"{'5e' * 32},short", "zz" * 32, f"{'5e' * 32},{'5e' * 32}"):
        with pytest.raises(ValueError, match=r"must be|twice") as refused:
            sealing.ring(text)
        assert text.partition(",")[0] not in str(refused.value)
