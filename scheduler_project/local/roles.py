"""The database and its three log-ins: owner migrates, app serves, engine runs.

Whoever is named by the administrator's URL makes them and is needed for nothing else. That may
be a superuser, or, as managed services hand out, a role with CREATEROLE and CREATEDB. Everything
is safe to repeat: passwords and settings are set anew each time, attributes that somebody has
changed are set right.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from scheduler_project.local.errors import LocalError

#: Databases an administrator's URL names for want of a better one; they are not taken over.
MAINTENANCE = {"", "postgres", "template1"}

#: Longest a statement, a wait for a lock, an idle and any transaction may last before PostgreSQL ends it.
#: The app's are shorter than a caller's patience. A round of the engine takes milliseconds; its statements may last as
#: long as a lease, and after a transaction of a minute no lease of its holder's is left. A wait for a lock ends sooner
#: than the statement that waits, so that the log names the lock.
#: The owner migrates, which may take hours, and must not make everybody queue behind a lock it does not get.
SETTINGS = {
    "owner": {"lock_timeout": "5s"},
    "app": {
        "statement_timeout": "5s",
        "lock_timeout": "2s",
        "idle_in_transaction_session_timeout": "10s",
        "transaction_timeout": "15s",
    },
    "engine": {
        "statement_timeout": "30s",
        "lock_timeout": "5s",
        "idle_in_transaction_session_timeout": "30s",
        "transaction_timeout": "1min",
    },
}
#: The release that knows a setting, where not all that are supported do.
SINCE = {"transaction_timeout": 170000}

_PLAIN = sql.SQL("LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION")


@dataclass(frozen=True)
class Urls:
    """What each process is given as DATABASE_URL."""

    owner: str
    app: str
    engine: str


def new_passwords() -> dict[str, str]:
    return {role: secrets.token_hex(16) for role in SETTINGS}


def ensure(
    admin_url: str, *, prefix: str = "carillon", database: str = "carillon", passwords: dict[str, str] | None = None
) -> Urls:
    """Makes or repairs the log-ins and the database; a database named in the URL is used instead of ``database``.

    Raises:
        LocalError: PostgreSQL is not reached or refuses; the message quotes it.
    """
    passwords = passwords or new_passwords()
    named = unquote(urlsplit(admin_url).path.lstrip("/"))
    database = database if named in MAINTENANCE else named
    names = {role: f"{prefix}_{role}" for role in SETTINGS}
    urls = {role: _as(admin_url, names[role], passwords[role], database) for role in SETTINGS}
    try:
        with psycopg.connect(admin_url, autocommit=True, connect_timeout=30) as admin:
            for role, name in names.items():
                _ensure_role(admin, name, passwords[role], SETTINGS[role])
            _ensure_database(admin, database, names["owner"])
        with psycopg.connect(urls["owner"]) as owner:
            _restrict(owner, database, names)
    except psycopg.Error as error:
        raise LocalError(f"The database's log-ins could not be made by DATABASE_URL: {error}") from error
    return Urls(**urls)


def _ensure_role(admin: psycopg.Connection, name: str, password: str, settings: dict[str, str]) -> None:
    identifier = sql.Identifier(name)
    found = admin.execute(
        "SELECT rolcanlogin AND NOT (rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole OR rolreplication)"
        " FROM pg_roles WHERE rolname = %s",
        [name],
    ).fetchone()
    if found is None:
        admin.execute(sql.SQL("CREATE ROLE {} {}").format(identifier, _PLAIN))
    elif not found[0]:
        # Only if need be: an administrator who is no superuser may not even name that attribute.
        admin.execute(sql.SQL("ALTER ROLE {} {}").format(identifier, _PLAIN))
    # Hashed here, so that a log of statements never holds it.
    verifier = admin.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
    admin.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(identifier, sql.Literal(verifier)))
    for setting, value in settings.items():
        if admin.info.server_version < SINCE.get(setting, 0):
            continue
        admin.execute(
            sql.SQL("ALTER ROLE {} SET {} = {}").format(identifier, sql.Identifier(setting), sql.Literal(value))
        )


def _ensure_database(admin: psycopg.Connection, database: str, owner: str) -> None:
    """Makes the database the owner's. Only a superuser may give to a role it is not a member of."""
    found = admin.execute(
        "SELECT pg_get_userbyid(datdba) = %s FROM pg_database WHERE datname = %s", [owner, database]
    ).fetchone()
    if found is not None and found[0]:
        return
    # Before 16, to be a member is to be allowed it; since then, a creator is a member without.
    right = "SET" if admin.info.server_version >= 160000 else "MEMBER"
    entitled = admin.execute("SELECT pg_has_role(%s, %s)", [owner, right]).fetchone()
    is_member = entitled is not None and entitled[0]
    if not is_member:
        admin.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(owner)))
    statement = "CREATE DATABASE {} OWNER {}" if found is None else "ALTER DATABASE {} OWNER TO {}"
    admin.execute(sql.SQL(statement).format(sql.Identifier(database), sql.Identifier(owner)))
    if not is_member:
        admin.execute(sql.SQL("REVOKE {} FROM CURRENT_USER").format(sql.Identifier(owner)))


def _restrict(owner: psycopg.Connection, database: str, names: dict[str, str]) -> None:
    """Leaves to app and engine what they need and to everybody else nothing. As the owner, who may."""
    place = {"database": sql.Identifier(database)} | {role: sql.Identifier(name) for role, name in names.items()}
    for statement in (
        "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
        "GRANT CONNECT ON DATABASE {database} TO {app}, {engine}",
        "ALTER SCHEMA public OWNER TO {owner}",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        "GRANT USAGE ON SCHEMA public TO {app}, {engine}",
    ):
        owner.execute(sql.SQL(statement).format(**place))


def _as(admin_url: str, name: str, password: str, database: str) -> str:
    """The administrator's URL with another log-in and database; options such as sslmode stay."""
    parts = urlsplit(admin_url)
    server = parts.netloc.rpartition("@")[2]
    login = f"{quote(name, safe='')}:{quote(password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{login}@{server}", path=f"/{quote(database, safe='')}"))
