from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from scheduler_project.local import roles, throwaway
from scheduler_project.local.errors import LocalError
from scheduler_project.local.postgres import Postgres

ROLES = ["owner", "app", "engine"]


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with throwaway.postgres() as started:
        yield started


@pytest.fixture
def prefix(server: Postgres) -> Iterator[str]:
    """Names of roles and of a database that are there for one test."""
    yield "p"
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS p WITH (FORCE)")
        for role in [*(f"p_{role}" for role in ROLES), "administrator", "stranger"]:
            admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


@pytest.fixture
def administrator(server: Postgres, prefix: str) -> str:
    """The log-in of one who is no superuser, as managed services hand out."""
    execute(server.url(), "CREATE ROLE administrator LOGIN CREATEDB CREATEROLE PASSWORD 'a'")
    return f"postgresql://administrator:a@127.0.0.1:{server.port}/postgres"


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def test_no_log_in_has_powers_or_shares_anothers(server: Postgres, prefix: str) -> None:
    urls = roles.ensure(server.url(), prefix=prefix, database=prefix)
    powers = (
        "SELECT rolname FROM pg_roles WHERE rolname ^@ 'p_' AND rolcanlogin AND NOT"
        " (rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole OR rolreplication) ORDER BY rolname"
    )
    assert rows(urls.owner, powers) == [("p_app",), ("p_engine",), ("p_owner",)]
    members = "SELECT member::regrole, roleid::regrole FROM pg_auth_members WHERE member::regrole::text ^@ 'p_'"
    assert rows(urls.owner, members) == []


@pytest.mark.parametrize("role", ROLES)
def test_each_log_in_works_and_carries_its_time_limits(server: Postgres, prefix: str, role: str) -> None:
    urls = roles.ensure(server.url(), prefix=prefix, database=prefix)
    with psycopg.connect(getattr(urls, role)) as connection:
        assert connection.info.user == f"p_{role}"
        for setting, value in roles.SETTINGS[role].items():
            assert connection.execute(sql.SQL("SHOW {}").format(sql.Identifier(setting))).fetchone() == (value,)


def test_only_the_owner_creates_anything(server: Postgres, prefix: str) -> None:
    urls = roles.ensure(server.url(), prefix=prefix, database=prefix)
    execute(urls.owner, "CREATE TABLE public.made_by_the_owner ()")
    for url in (urls.app, urls.engine):
        for statement in ("CREATE TABLE public.t ()", "CREATE SCHEMA s", "CREATE TEMP TABLE t ()"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                execute(url, statement)


def test_database_and_schema_belong_to_the_owner(server: Postgres, prefix: str) -> None:
    urls = roles.ensure(server.url(), prefix=prefix, database=prefix)
    owners = (
        "SELECT datdba::regrole::text, nspowner::regrole::text FROM pg_database, pg_namespace"
        " WHERE datname = current_database() AND nspname = 'public'"
    )
    assert rows(urls.app, owners) == [("p_owner", "p_owner")]


def test_stranger_does_not_get_in(server: Postgres, prefix: str) -> None:
    roles.ensure(server.url(), prefix=prefix, database=prefix)
    execute(server.url(), "CREATE ROLE stranger LOGIN PASSWORD 's'")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(f"postgresql://stranger:s@127.0.0.1:{server.port}/{prefix}")


def test_repeating_sets_new_passwords_and_ends_the_old_ones(server: Postgres, prefix: str) -> None:
    old = roles.ensure(server.url(), prefix=prefix, database=prefix)
    new = roles.ensure(server.url(), prefix=prefix, database=prefix)
    assert rows(new.app, "SELECT 1") == [(1,)]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(old.app)


def test_given_passwords_are_used(server: Postgres, prefix: str) -> None:
    urls = roles.ensure(
        server.url(), prefix=prefix, database=prefix, passwords={"owner": "o", "app": "p@ss/word", "engine": "e"}
    )
    assert rows(urls.app, "SELECT current_user::text") == [("p_app",)]


def test_powers_somebody_has_granted_are_taken_back(server: Postgres, prefix: str) -> None:
    roles.ensure(server.url(), prefix=prefix, database=prefix)
    execute(server.url(), "ALTER ROLE p_app SUPERUSER BYPASSRLS")
    urls = roles.ensure(server.url(), prefix=prefix, database=prefix)
    assert rows(urls.app, "SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = 'p_app'") == [(False, False)]


def test_administrator_without_superuser_is_enough_and_keeps_nothing(
    server: Postgres, prefix: str, administrator: str
) -> None:
    roles.ensure(administrator, prefix=prefix, database=prefix)
    urls = roles.ensure(administrator, prefix=prefix, database=prefix)
    assert rows(urls.engine, "SELECT current_database()::text") == [(prefix,)]
    assert rows(server.url(), "SELECT pg_has_role('administrator', 'p_owner', 'SET')") == [(False,)]


@pytest.mark.parametrize("superuser", [True, False])
def test_database_named_in_the_url_is_taken(server: Postgres, prefix: str, administrator: str, superuser: bool) -> None:
    execute(administrator, f"CREATE DATABASE {prefix}")
    admin_url = server.url() if superuser else administrator
    urls = roles.ensure(admin_url.removesuffix("postgres") + prefix, prefix=prefix, database="other")
    assert urlsplit(urls.owner).path == f"/{prefix}"
    execute(urls.owner, "CREATE TABLE public.t ()")


def test_options_of_the_url_are_kept(server: Postgres, prefix: str) -> None:
    urls = roles.ensure(f"{server.url()}?sslmode=disable", prefix=prefix, database=prefix)
    assert urls.app.endswith(f"/{prefix}?sslmode=disable")


def test_log_of_statements_never_holds_a_password(server: Postgres, prefix: str) -> None:
    execute(server.url(), "ALTER ROLE postgres SET log_statement = 'all'")
    roles.ensure(server.url(), prefix=prefix, database=prefix, passwords=dict.fromkeys(ROLES, "said-in-confidence"))
    execute(server.url(), "ALTER ROLE postgres RESET log_statement")
    log = server.log.read_text()
    assert "ALTER ROLE" in log
    assert "said-in-confidence" not in log


def test_refusal_is_told_with_the_servers_words(server: Postgres, prefix: str) -> None:
    with pytest.raises(LocalError, match="password authentication failed"):
        roles.ensure(server.url().replace(server.password, "guess"), prefix=prefix)
