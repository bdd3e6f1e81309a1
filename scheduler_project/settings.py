"""Django's settings, made from :mod:`scheduler_project.env`. No other module reads the environment."""

from __future__ import annotations

import hmac
import sys
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from scheduler_project import app_settings, console, description, mail
from scheduler_project.env import ROOT, env
from scheduler_project.guessing import *  # noqa: F403 - settings of django-axes
from tenants.rules import sealing, sessions

_env = env()

SECRET_KEY = _env.secret_key.get_secret_value()
if not SECRET_KEY:
    if _env.database_url.get_secret_value():
        raise ImproperlyConfigured(
            "CARILLON_SECRET_KEY is empty: set it to a long random text, the same for all processes"
        )
    SECRET_KEY = "no database, no secrets: only checks and migrations being written"  # noqa: S105


def _ring(text: str) -> sealing.Ring | None:
    try:
        return sealing.ring(text) if text else None
    except ValueError as error:
        raise ImproperlyConfigured(f"CARILLON_ENCRYPTION_KEYS {error}") from None


#: What tenants' secrets are encrypted under; None keeps no secrets.
ENCRYPTION_KEYS = _ring(_env.encryption_keys.get_secret_value())
#: Whether this process is one that should have some.
KEEPS_SECRETS = bool(_env.database_url.get_secret_value()) and _env.database_role != "owner"
#: The first signs and seals the audit trail, all of them verify it.
AUDIT_KEYS = _env.audit_key.get_secret_value().split() or [SECRET_KEY]

DEBUG = _env.debug
ALLOWED_HOSTS = _env.allowed_hosts
ROOT_URLCONF = "scheduler_project.urls"
ASGI_APPLICATION = "scheduler_project.asgi.application"
WSGI_APPLICATION = "scheduler_project.wsgi.application"
AUTH_USER_MODEL = "tenants.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
APPEND_SLASH = False
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

_WEB_APPS = [
    "unfold.apps.BasicAppConfig",  # its site is ours
    "unfold.contrib.filters",
    "tenants.console.apps.ConsoleConfig",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "axes",
]
INSTALLED_APPS = [
    # Engine and workers show no page: without these they take a sixth less memory.
    *(_WEB_APPS if _env.database_role != "engine" else []),
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django_celery_results",
    "tenants",
    "jobs",
    "monitoring",
]

MIDDLEWARE = [
    "tenants.middleware.RequestIdMiddleware",
    "tenants.middleware.RateLimitHeaders",
    "scheduler_project.headers.ConsoleHeaders",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "tenants.middleware.TransactionMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "scheduler_project" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
# PBKDF2 by Django's count: costly in time alone. Argon2's memory, 100 MB a try, would be a lever for whoever floods.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]

OIDC_ISSUER = _env.oidc_issuer
OIDC_NAME = _env.oidc_name
OIDC_LOGOUT_URL = _env.oidc_logout_url
OIDC_RP_CLIENT_ID = _env.oidc_client_id
OIDC_RP_CLIENT_SECRET = _env.oidc_client_secret.get_secret_value()
OIDC_RP_SIGN_ALGO = _env.oidc_algorithm
OIDC_RP_SCOPES = "openid email"
OIDC_OP_AUTHORIZATION_ENDPOINT = _env.oidc_authorization_url
OIDC_OP_TOKEN_ENDPOINT = _env.oidc_token_url
OIDC_OP_JWKS_ENDPOINT = _env.oidc_keys_url
OIDC_OP_USER_ENDPOINT = ""  # the token's own claims are enough
OIDC_AUTHENTICATION_CALLBACK_URL = "console-oidc-callback"
OIDC_USE_NONCE = OIDC_USE_PKCE = OIDC_VERIFY_KID = True
OIDC_CREATE_USER = OIDC_STORE_ID_TOKEN = OIDC_STORE_ACCESS_TOKEN = False
if OIDC_ISSUER:
    AUTHENTICATION_BACKENDS.append("tenants.oidc.Provider")

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

# --- database -------------------------------------------------------------------------------------------------

DATABASE_ROLE = _env.database_role
ROLE_PREFIX = _env.role_prefix
POOLED = DATABASE_ROLE == "app" and "pytest" not in sys.modules

ENGINE_PLANNING = (
    "plan_cache_mode=force_generic_plan",
    "jit=off",
    "enable_seqscan=off",
    "enable_hashjoin=off",
    "enable_mergejoin=off",
)


def _database(url: str) -> dict[str, Any]:
    if not url:
        return {"ENGINE": "django.db.backends.dummy"}  # for checks, and for migrations being written
    parts = urlsplit(url)
    options: dict[str, Any] = {
        "connect_timeout": 3,
        "keepalives_idle": 10,
        "tcp_user_timeout": 15000,
        "application_name": f"carillon {DATABASE_ROLE}",
        **dict(parse_qsl(parts.query)),  # sslmode and its like
    }
    if DATABASE_ROLE == "engine":
        # Few statements, run for ever over many partitions: planning each anew would cost more than running it.
        # A plan is kept, so it must not be chosen for today's row counts: every join goes by an index.
        options["prepare_threshold"] = 0
        options["options"] = " ".join(f"-c {setting}" for setting in ENGINE_PLANNING)
    if POOLED:
        # A request's thread is new under ASGI: without the pool each request would log in afresh.
        options["pool"] = {"min_size": 1, "max_size": _env.pool_size, "timeout": 5, "max_lifetime": 1800}
    return {
        # Tells PostgreSQL at each BEGIN whose rows this transaction may see.
        "ENGINE": "tenants.database",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 0 if POOLED or DATABASE_ROLE == "app" else None,
        "CONN_HEALTH_CHECKS": POOLED,
        "OPTIONS": options,
    }


DATABASES = {"default": _database(_env.database_url.get_secret_value())}

# --- Redis, Celery (the rest is in scheduler_project/celery.py) ------------------------------------------------------

REDIS_URL = _env.redis_url.get_secret_value()
JOB_HANDLER_PACKAGES = ["tasks.handlers"]
SCHEDULE_KIND_PACKAGES: list[str] = []  # beside those of jobs.triggers
CALLABLE_MODULES = _env.callables
MAX_THREADS = _env.max_threads


def _endpoint(url: str, default_port: int) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or default_port


#: Hosts and ports no tenant's job may ever reach, whatever its allow list says.
PROTECTED_ENDPOINTS = [_endpoint(_env.database_url.get_secret_value(), 5432), _endpoint(REDIS_URL, 6379)]

# --- the engine's lengths of time ---------------------------------------------------------------------------------

LEASE = timedelta(seconds=_env.lease_seconds)
DRAIN = timedelta(seconds=_env.drain_seconds)
CANCEL_GRACE = timedelta(seconds=_env.cancel_grace_seconds)
RETENTION = timedelta(days=_env.retention_days)
ARTIFACTS_URL = _env.artifacts_url.get_secret_value() or str(_env.home.absolute() / "artifacts")
ARTIFACT_RETENTION = timedelta(days=_env.artifact_days)
MAX_ARTIFACT_BYTES = _env.max_artifact_bytes
FILES = _env.files or _env.home.absolute() / "files"
MAINTENANCE_EVERY = timedelta(seconds=_env.maintenance_seconds)
JOBS_USER = _env.jobs_user
JOB_DEFAULTS = _env.job_defaults
QUOTAS: dict[str, int] = {str(name): most for name, most in _env.quotas.items()}

# --- mail ------------------------------------------------------------------------------------------------------

EMAIL_IS_SENT = bool(_env.email_url.get_secret_value())
globals().update(mail.settings(_env.email_url.get_secret_value(), sender=_env.email_from))

# --- web ------------------------------------------------------------------------------------------------------

PUBLIC_URL = _env.public_url
FLOWER_URL = _env.flower_url
METRICS_TOKEN = _env.metrics_token.get_secret_value()
_https = PUBLIC_URL.startswith("https://")
TRUSTED_PROXIES = _env.trusted_proxies
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SECURE_HSTS_SECONDS = 31536000 if _https else 0
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = SECURE_CONTENT_TYPE_NOSNIFF = True
SESSION_ENGINE = "tenants.console.sessions"
SESSION_COOKIE_AGE = 12 * 3600
X_FRAME_OPTIONS = "DENY"
LOGIN_REDIRECT_URL = "admin:index"  # for who opens the log-in page itself: the theme's form drops Django's `next`
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL else []

#: By the names of tenants.limits; empty for no limit.
API_RATES = {
    "key": _env.api_rate,
    "tenant": _env.api_rate_tenant,
    "address": _env.api_rate_address,
    "anonymous": _env.api_rate_anonymous,
    "failed": _env.api_rate_anonymous,
    "login": _env.login_rate_address,
    "account": _env.login_rate,
    "everywhere": _env.login_rate_account,
}
STREAMS = {"key": 100, "tenant": 500, "process": 1000} | {str(name): most for name, most in _env.streams.items()}

#: People's tokens. The key is not that of anything else that is signed.
SIMPLE_JWT = {
    "ALGORITHM": "HS256",
    "SIGNING_KEY": hmac.digest(SECRET_KEY.encode(), b"tokens of people", "sha256").hex(),
    "AUDIENCE": "carillon-api",
    "ISSUER": PUBLIC_URL or "carillon",
    "LEEWAY": 5,
    "USER_ID_CLAIM": "sub",
    "ACCESS_TOKEN_LIFETIME": sessions.ACCESS,
    "REFRESH_TOKEN_LIFETIME": sessions.IDLE,
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["tenants.authentication.KeyOrToken"],
    "DEFAULT_PERMISSION_CLASSES": ["tenants.permissions.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["tenants.api.throttling.Counted"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "scheduler_project.errors.handle",
    "UNAUTHENTICATED_USER": None,
    "DATETIME_FORMAT": "iso-8601",
}

SPECTACULAR_SETTINGS = description.SETTINGS
UNFOLD = console.UNFOLD

LOGGING_CONFIG = "monitoring.log_format.configure"
LOGGING = {"level": _env.log_level, "format": _env.log_format}

if _env.app_settings:
    globals().update(app_settings.additions(_env.app_settings, globals()))
