"""Names that settings have in other schedulers, with their units: another name for a setting of ours, or what replaces it.

The environment of a service that Carillon takes over can stay as it is. A setting that is given by both of its names
must say the same by both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class OtherName:
    """``name`` holds a whole number, of which ``per`` make one of the setting's unit, from ``low`` to ``high`` of these."""

    name: str
    setting: str
    low: float
    high: float
    per: int = 1

    @property
    def unit(self) -> str:
        """For people."""
        return "milliseconds" if self.per == 1000 else "a number"

    def read(self, text: str) -> str:
        """The setting's text. Raises ValueError with the name and what to do."""
        digits = text.strip()
        if not (digits.isascii() and digits.isdigit() and self.low <= int(digits) / self.per <= self.high):
            low, high = int(self.low * self.per), int(self.high * self.per)
            raise ValueError(
                f"{self.name} must be a whole number from {low} to {high}, in {self.unit}, and is {text!r}"
            )
        whole, rest = divmod(int(digits), self.per)
        return str(whole) if not rest else str(int(digits) / self.per)


OTHER_NAMES = (
    OtherName("DEFAULT_TIMEOUT", "CARILLON_DEFAULT_TIMEOUT_SECONDS", 0.1, 86_400, per=1000),
    OtherName("RETRY_ATTEMPTS", "CARILLON_DEFAULT_ATTEMPTS", 1, 100),
    OtherName("RETRY_DELAY", "CARILLON_DEFAULT_RETRY_DELAY_SECONDS", 0, 604_800, per=1000),
    OtherName("MAX_CONCURRENT_TASKS", "CARILLON_WORKER_SLOTS", 1, 1000),
    OtherName("MAINTENANCE_INTERVAL", "CARILLON_MAINTENANCE_SECONDS", 60, 86_400, per=1000),
)

#: What has no effect here, and what does instead.
REPLACED: Mapping[str, str] = {
    "NODE_ENV": "`CARILLON_DEBUG`; there is nothing else that differs in development.",
    "QUEUE_PREFIX": (
        "Queues are rows, and the broker's list of the queue `x` is always `jobs.x`. Give two installations that share a "
        "Redis two of its databases: `REDIS_URL=redis://host/1`."
    ),
    "MAX_QUEUE_SIZE": (
        "What waits is in PostgreSQL; the broker holds no more than workers take within moments, so it needs no bound. What "
        "a tenant may have unfinished is bounded by `CARILLON_QUOTAS` (`unfinished`) and by its own quota."
    ),
    "QUEUE_CONCURRENCY": (
        "`max_running` of a queue, at the console or `PATCH /queues/{name}`: it holds for all workers together and at once; "
        "how many one worker runs is `--concurrency`, or `CARILLON_WORKER_SLOTS`."
    ),
    "RABBITMQ_URL": "`REDIS_URL`: Redis is the one broker, and only a doorbell; losing it loses nothing.",
    "AUTH_SERVICE_URL": "People, keys and roles are here; single sign-on is `CARILLON_OIDC_ISSUER` and what begins like it.",
    "CONFIG_SERVICE_URL": "This environment; what changes while all runs is rows: tenants, queues, quotas, job defaults.",
    "NOTIFICATION_SERVICE_URL": "A job of type `http` calls it, as any service; mail of Carillon's own goes by `CARILLON_EMAIL_URL`.",
    "platform.scheduler.retry.max-attempts": "`CARILLON_DEFAULT_ATTEMPTS`, or a tenant's or a job's own `retry`.",
    "platform.scheduler.retry.delay-seconds": "`CARILLON_DEFAULT_RETRY_DELAY_SECONDS`, or a tenant's or a job's own `retry`.",
    "platform.scheduler.retry.strategy": "`backoff` of a tenant's or a job's `retry`: `exponential`, the default, `fibonacci` or `fixed`.",
    "platform.scheduler.executor.heartbeat-interval-seconds": "A third of `CARILLON_LEASE_SECONDS`: they belong together.",
    "platform.scheduler.executor.timeout-seconds": "`CARILLON_LEASE_SECONDS`.",
    "platform.scheduler.job.max-concurrent-jobs": "`max_running` of a tenant, a queue or a job, and `CARILLON_WORKER_SLOTS` of a worker.",
    "platform.scheduler.cluster.enabled": "Nothing to turn on: any number of each process runs beside the others.",
    "platform.scheduler.cluster.node-id": "`--hostname` of a worker; each of its starts has an id of its own besides.",
    "platform.scheduler.security.enabled": "Nothing to turn off.",
    "platform.scheduler.security.executor-auth-token-header": "`X-Executor-Auth-Token` is taken as `X-API-Key` is.",
    "logging.level.*": "`LOG_LEVEL`.",
}


def read(given: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """``given``, settings by name, with what the environment says by other names. Raises ValueError."""
    values = dict(given)
    for other in OTHER_NAMES:
        text = environment.get(other.name, "")
        if not text:
            continue
        value, own = other.read(text), values.get(other.setting)
        if own is not None and not _same(str(own), value):
            raise ValueError(f"{other.name}={text} and {other.setting}={own} say different things: leave one out")
        values[other.setting] = value
    return values


def _same(one: str, other: str) -> bool:
    try:
        return float(one) == float(other)
    except ValueError:
        return True  # its own check refuses it, by its own name
