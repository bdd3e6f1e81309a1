"""Every environment variable Carillon reads, typed, with its default and meaning.

Nothing else reads ``os.environ`` for configuration. ``docs/settings.md`` is generated from
this class, and a test fails when the two differ. A wrong value stops the process at start
with the variable's name.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, IPvAnyNetwork, SecretStr
from pydantic_settings import SettingsConfigDict

from scheduler_project.env_of_files import EnvOfFiles
from scheduler_project.env_of_work import EnvOfWork

#: As in tenants.rules.rates, or empty.
RATE = r"^([1-9][0-9]{0,5}/[smhd])?$"
LOWER = BeforeValidator(lambda text: text.lower() if isinstance(text, str) else text)
ROOT = Path(__file__).resolve().parent.parent


class Env(EnvOfFiles, EnvOfWork):
    """The environment of one process. Lengths of time are in seconds."""

    model_config = SettingsConfigDict(case_sensitive=True, extra="ignore")

    home: Path = Field(
        ROOT / ".carillon",
        validation_alias="CARILLON_HOME",
        description="Folder of everything `make up` keeps: servers' data, logs, generated secrets.",
    )
    port: int = Field(8000, validation_alias="PORT", description="Port of the web process under `make up`.")
    flower_port: int = Field(5555, validation_alias="FLOWER_PORT", description="Port of Flower under `make up`.")
    demo: bool = Field(True, validation_alias="CARILLON_DEMO", description="Seed demo jobs on the first `make up`.")
    database_url: SecretStr = Field(
        SecretStr(""),
        validation_alias="DATABASE_URL",
        description=(
            "PostgreSQL. For `make up`: an administrator's log-in, used only to create the three roles and the "
            "database; unset starts an embedded server. For every other process: the log-in of its own role."
        ),
    )
    redis_url: SecretStr = Field(
        SecretStr("redis://127.0.0.1:6379/0"),
        validation_alias="REDIS_URL",
        description="Redis or Valkey: broker and RedBeat. Unset under `make up` starts an embedded server.",
    )
    database_role: Literal["owner", "app", "engine"] = Field(
        "app",
        validation_alias="CARILLON_DATABASE_ROLE",
        description="Which of the three log-ins DATABASE_URL holds: owner migrates, app serves, engine runs.",
    )
    role_prefix: str = Field(
        "carillon",
        pattern=r"^[a-z][a-z0-9_]{0,30}$",
        validation_alias="CARILLON_ROLE_PREFIX",
        description="The log-ins are named <prefix>_owner, <prefix>_app and <prefix>_engine.",
    )
    pool_size: int = Field(
        8, ge=1, validation_alias="CARILLON_POOL_SIZE", description="Most database connections of one web process."
    )
    secret_key: SecretStr = Field(
        SecretStr(""),
        validation_alias="CARILLON_SECRET_KEY",
        description="Django's signing key; API key hashes are keyed with it too. `make up` generates one.",
    )
    encryption_keys: SecretStr = Field(
        SecretStr(""),
        validation_alias="CARILLON_ENCRYPTION_KEYS",
        description=(
            "Installation keys that tenants' secrets are encrypted under, for web, engine and workers alike: 64 hexadecimal "
            "digits each, with commas between. The first writes, all read. `make up` generates one; without any, no secret "
            "is stored or read."
        ),
    )
    audit_key: SecretStr = Field(
        SecretStr(""),
        validation_alias="CARILLON_AUDIT_KEY",
        description=(
            "Signs and seals the audit trail, the same for all processes; empty: CARILLON_SECRET_KEY does. Several, "
            "with spaces between them: the first seals, the others still verify what they sealed."
        ),
    )
    debug: bool = Field(
        False, validation_alias="CARILLON_DEBUG", description="Django's debug pages. Never in production."
    )
    allowed_hosts: list[str] = Field(
        ["localhost", "127.0.0.1", "[::1]"],
        validation_alias="CARILLON_ALLOWED_HOSTS",
        description="Host names the web process answers to, a JSON list.",
    )
    public_url: str = Field(
        "",
        validation_alias="CARILLON_URL",
        description="Where people reach the web process; https turns secure cookies and HSTS on.",
    )
    trusted_proxies: list[IPvAnyNetwork] = Field(
        [],
        validation_alias="CARILLON_TRUSTED_PROXIES",
        description=(
            "Networks of the proxies in front of the web process, a JSON list; their X-Forwarded-For and "
            "X-Forwarded-Proto are believed, nobody else's."
        ),
    )
    api_rate: str = Field(
        "1000/s",
        pattern=RATE,
        validation_alias="CARILLON_API_RATE",
        description="Most API requests of one key or person, per s, m, h or d; at once as many as the number. Empty for no limit.",
    )
    api_rate_tenant: str = Field(
        "2000/s",
        pattern=RATE,
        validation_alias="CARILLON_API_RATE_TENANT",
        description="The same for all of a tenant's requests together, unless the tenant has a rate of its own.",
    )
    api_rate_address: str = Field(
        "2000/s",
        pattern=RATE,
        validation_alias="CARILLON_API_RATE_ADDRESS",
        description="The same for all requests from one address (IPv6: one /64), whoever makes them.",
    )
    api_rate_anonymous: str = Field(
        "300/m",
        pattern=RATE,
        validation_alias="CARILLON_API_RATE_ANONYMOUS",
        description="Most API requests without a key from one address, and as many whose key is refused.",
    )
    login_rate: str = Field(
        "10/m",
        pattern=RATE,
        validation_alias="CARILLON_LOGIN_RATE",
        description="Most tries to log in to one account from one address, over the API and at the console together.",
    )
    login_rate_account: str = Field(
        "60/m",
        pattern=RATE,
        validation_alias="CARILLON_LOGIN_RATE_ACCOUNT",
        description="The same to one account, from all addresses together.",
    )
    login_rate_address: str = Field(
        "100/m",
        pattern=RATE,
        validation_alias="CARILLON_LOGIN_RATE_ADDRESS",
        description="The same from one address, to all accounts together.",
    )
    oidc_issuer: str = Field(
        "",
        validation_alias="CARILLON_OIDC_ISSUER",
        description="OpenID provider people may log in to the console by: its issuer, exactly as in its tokens. Empty for none.",
    )
    oidc_client_id: str = Field(
        "",
        validation_alias="CARILLON_OIDC_CLIENT_ID",
        description="What the provider knows Carillon as.",
    )
    oidc_client_secret: SecretStr = Field(
        SecretStr(""),
        validation_alias="CARILLON_OIDC_CLIENT_SECRET",
        description="Its secret there.",
    )
    oidc_authorization_url: str = Field(
        "",
        validation_alias="CARILLON_OIDC_AUTHORIZATION_URL",
        description="Where the provider's log-in page is.",
    )
    oidc_token_url: str = Field(
        "",
        validation_alias="CARILLON_OIDC_TOKEN_URL",
        description="Where the provider answers with tokens.",
    )
    oidc_keys_url: str = Field(
        "",
        validation_alias="CARILLON_OIDC_KEYS_URL",
        description="Where the provider shows its signing keys (JWKS).",
    )
    oidc_logout_url: str = Field(
        "",
        validation_alias="CARILLON_OIDC_LOGOUT_URL",
        description="Where people end their session at the provider; linked after logging out.",
    )
    oidc_name: str = Field(
        "single sign-on",
        validation_alias="CARILLON_OIDC_NAME",
        description="What the log-in page calls the provider.",
    )
    oidc_algorithm: Literal["RS256", "ES256"] = Field(
        "RS256",
        validation_alias="CARILLON_OIDC_ALGORITHM",
        description="The one algorithm its tokens may be signed by.",
    )
    flower_url: str = Field(
        "", validation_alias="CARILLON_FLOWER_URL", description="Where people reach Flower; linked from the console."
    )
    service_user: str = Field(
        "",
        validation_alias="CARILLON_SERVICE_USER",
        description="As root, the system user that the embedded PostgreSQL runs as; empty is carillon.",
    )
    jobs_user: str = Field(
        "",
        validation_alias="CARILLON_JOBS_USER",
        description="As root, the system user that the commands of script jobs run as; empty is carillon-jobs, else nobody.",
    )
    callables: list[str] = Field(
        [],
        validation_alias="CARILLON_CALLABLES",
        description="Modules whose functions `python` jobs may call, a JSON list; for web and workers alike.",
    )
    app_settings: str = Field(
        "",
        validation_alias="CARILLON_APP_SETTINGS",
        description="Module of Django settings that your callables need: apps, databases, routers, your own names.",
    )
    max_threads: int = Field(
        16,
        ge=1,
        validation_alias="CARILLON_MAX_THREADS",
        description="Most threads of one `python` execution that calls a function once for each of its items.",
    )
    metrics_token: SecretStr = Field(
        SecretStr(""),
        validation_alias="CARILLON_METRICS_TOKEN",
        description="Bearer token that /metrics asks for; unset serves it to callers from loopback only.",
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], LOWER] = Field(
        "info", validation_alias="LOG_LEVEL", description="Least severe level logged."
    )
    log_format: Annotated[Literal["console", "json"], LOWER] = Field(
        "console", validation_alias="LOG_FORMAT", description="Lines for people, or one JSON object a line."
    )
    lease_seconds: float = Field(
        30.0,
        ge=3,
        validation_alias="CARILLON_LEASE_SECONDS",
        description="How long a silent worker keeps its executions.",
    )
    drain_seconds: float = Field(
        8.0,
        ge=0,
        validation_alias="CARILLON_DRAIN_SECONDS",
        description="On shutdown a worker lets running attempts go on this long, then gives them back unpunished.",
    )
    retention_days: int = Field(
        90,
        ge=8,
        validation_alias="CARILLON_RETENTION_DAYS",
        description="How long executions, attempts, logs and events are kept.",
    )
    quotas: dict[
        Literal["jobs", "schedules", "unfinished", "log_bytes", "artifact_bytes", "file_bytes"],
        Annotated[int, Field(ge=0)],
    ] = Field(
        {},
        validation_alias="CARILLON_QUOTAS",
        description=(
            "What a tenant without a number of its own may have, a JSON object of `jobs`, `schedules`, `unfinished` "
            "(executions that have not ended), `log_bytes` (of one attempt), `artifact_bytes` and `file_bytes` (stored); what "
            "is left out is unlimited."
        ),
    )
    streams: dict[Literal["key", "tenant", "process"], Annotated[int, Field(ge=0)]] = Field(
        {},
        validation_alias="CARILLON_STREAMS",
        description=(
            "Most live streams open at one web process, a JSON object of `key` (of one key or person, 100), `tenant` (500) "
            "and `process` (of all together, 1000); what is left out stays so."
        ),
    )
    email_url: SecretStr = Field(
        SecretStr(""),
        validation_alias="CARILLON_EMAIL_URL",
        description=(
            "Where mail is handed over: smtp://user:password@host:587, upgraded by STARTTLS with ?tls=1; smtps:// for "
            "TLS from the start. Unset sends none: links are shown to who makes them."
        ),
    )
    email_from: str = Field(
        "carillon@localhost", validation_alias="CARILLON_EMAIL_FROM", description="Sender of the mail that is sent."
    )
    cancel_grace_seconds: float = Field(
        5.0,
        ge=0,
        validation_alias="CARILLON_CANCEL_GRACE_SECONDS",
        description="What a cancelled or timed out handler gets to clean up before its process is killed.",
    )


@lru_cache(maxsize=1)
def env() -> Env:
    """The process's environment, read once."""
    return Env()
