"""How often somebody may ask: what is counted, under which names, and what refusal and headers say.

Each request that is let in takes a token from every bucket that it concerns, all in one round trip; one that
is refused takes none. Names in Redis are keyed hashes: no address, no account and no key can be read there.

A bucket found empty is not asked again for as long as it stays so, one second at most: a flood that is being
refused costs neither Redis nor, where it only guesses keys, the database.
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass

from django.conf import settings

from tenants import buckets, errors, requests
from tenants.buckets import Level
from tenants.memory import Memory
from tenants.requests import Actor
from tenants.rules import addresses, rates

#: What is said of each limit; its name is the policy's in the headers, and the metrics' label.
WHOSE = {
    "key": "of this API key or person",
    "tenant": "of this tenant",
    "address": "from this address",
    "anonymous": "without an API key from this address",
    "failed": "that were refused for their API key, from this address",
    "login": "to log in from this address",
    "account": "to log in to this account from this address",
    "everywhere": "to log in to this account, from anywhere",
}
_LONGEST_MEMORY = 1.0
_GOOD_FOR = 600.0


class RateLimited(errors.ServiceError):
    """Too many requests: wait as long as Retry-After says."""

    code = "RATE_LIMITED"
    status = 429


class Uncounted(errors.Unavailable):
    """Requests of this kind are counted, and the counter cannot be reached just now: try again shortly."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A rate, and who shares it."""

    name: str
    rate: str
    who: str

    @property
    def bucket(self) -> rates.Bucket:
        """What it holds: as many as come in one unit of its time."""
        return rates.bucket(self.rate, None)

    @property
    def key(self) -> str:
        """Its bucket's name in Redis."""
        return f"{self.name}:{_hash(self.who)}"


@dataclass(frozen=True, slots=True)
class Told:
    """The tightest of a request's buckets, for its headers."""

    limit: Limit
    level: Level

    def headers(self) -> dict[str, str]:
        """``RateLimit-Policy`` and ``RateLimit`` as in draft-ietf-httpapi-ratelimit-headers-11."""
        bucket = self.limit.bucket
        window = round(bucket.burst / bucket.per_second)
        # Of an empty bucket, when it holds the next token; of any other, when it is full.
        seconds = self.level.full_in if self.level.left else self.level.wait or 1 / bucket.per_second
        return {
            "RateLimit-Policy": f'"{self.limit.name}";q={bucket.burst};w={window}',
            "RateLimit": f'"{self.limit.name}";r={self.level.left};t={_whole(seconds)}',
        }


_told: ContextVar[Told | None] = ContextVar("carillon_rate_limit", default=None)
#: Buckets found empty, with when (of the monotonic clock) they hold a token again.
_empty: Memory[float] = Memory(10_000)
_good: Memory[bool] = Memory(10_000)
_counts: dict[str, Counter[str]] = {
    "refused": Counter(dict.fromkeys(WHOSE, 0)),
    "uncounted": Counter(served=0, refused=0),
}
_counting = threading.Lock()


def begin() -> None:
    """A new request, of which nothing is counted yet."""
    _told.set(None)


def headers() -> Mapping[str, str]:
    """What to tell the client of its tightest limit; nothing if nothing was counted."""
    told = _told.get()
    return told.headers() if told else {}


def counts() -> dict[str, dict[str, int]]:
    """Of this process since it began: "refused" by the limit's name, "uncounted" by "served" and "refused"."""
    with _counting:
        return {what: dict(counter) for what, counter in _counts.items()}


def take_request(actor: Actor, *, must: bool = False) -> None:
    """One request of a key or person. With ``must`` it is refused when it cannot be counted."""
    # What the platform's people look at is not the tenant's doing.
    tenant = None if actor.of_platform else actor.tenant
    shared = [Limit("tenant", tenant.api_rate_limit or _rate("tenant"), str(tenant.pk))] if tenant else []
    _take([Limit("key", _rate("key"), actor.name), *shared, _of_address("address")], must=must)


def take_anonymous(*, must: bool = False) -> None:
    """One request of nobody in particular."""
    _take([_of_address("anonymous"), _of_address("address")], must=must)


def take_login(account: str) -> None:
    """One try to log in to an account, whether there is such a one or not: ask before the password is looked at.

    What one address can take of an account's rate is a small part of it, so nobody shuts out its owner from there.

    Raises:
        RateLimited: too many for the account or from the address.
        Uncounted: Redis is away; nobody may guess passwords uncounted.
    """
    name = unicodedata.normalize("NFKC", account).strip().casefold()
    here = _of_address("login")
    of_account = [
        Limit("account", _rate("account"), f"{here.who} {name}"),
        Limit("everywhere", _rate("everywhere"), name),
    ]
    _take([*of_account, here, _of_address("address")], must=True)


def refuse_guessing(credentials: str) -> None:
    """Before credentials are looked up: refuse an address whose tries have failed too often lately.

    Credentials that this process has lately found good pass: others may share the address.
    """
    limit = _of_address("failed")
    if limit.rate and _wait(limit) and not _good.get(_hash(credentials)):
        raise _refusal(limit, _wait(limit))


def found_good(credentials: str) -> None:
    """After credentials were looked up."""
    _good.note(_hash(credentials), True, seconds=_GOOD_FOR)


def take_failure() -> None:
    """One request whose credentials were refused."""
    _take([_of_address("failed"), _of_address("address")], must=False)


def _of_address(name: str) -> Limit:
    return Limit(name, _rate(name), addresses.shared(requests.current().address))


def _rate(name: str) -> str:
    rate: str = settings.API_RATES[name]
    return rate


def _take(limits: Sequence[Limit], *, must: bool) -> None:
    wanted = [limit for limit in limits if limit.rate]
    for limit in wanted:
        if wait := _wait(limit):
            raise _refusal(limit, wait)
    if not wanted:
        return
    try:
        levels = buckets.draw([(limit.key, limit.bucket) for limit in wanted], patient=must)
    except buckets.Away:
        _count("uncounted", "refused" if must else "served")
        if must:
            raise Uncounted from None
        return
    told = [Told(limit, level) for limit, level in zip(wanted, levels, strict=True)]
    worst = max(told, key=lambda each: each.level.wait)
    if wait := worst.level.wait:
        _empty.note(worst.limit.key, time.monotonic() + wait, seconds=min(wait, _LONGEST_MEMORY))
        raise _refusal(worst.limit, wait)
    _told.set(min(told, key=lambda each: each.level.left))


def _wait(limit: Limit) -> float:
    """Seconds for which its bucket is known to be empty."""
    holds_one_at = _empty.get(limit.key)
    return 0.0 if holds_one_at is None else max(holds_one_at - time.monotonic(), 0.0)


def _refusal(limit: Limit, wait: float) -> RateLimited:
    _count("refused", limit.name)
    _told.set(Told(limit, Level(0, wait, wait)))
    seconds = _whole(wait)
    message = f"too many requests {WHOSE[limit.name]}, at most {limit.rate} are taken: try again in {seconds} s"
    details = {"limit": limit.name, "rate": limit.rate, "retry_after_seconds": seconds}
    error = RateLimited(message, details=details)
    error.retry_after = seconds
    return error


def _count(what: str, which: str) -> None:
    with _counting:
        _counts[what][which] += 1


def _whole(seconds: float) -> int:
    """For headers, which know no fractions: not too early."""
    return max(math.ceil(round(seconds, 3)), 1)


def _hash(text: str) -> str:
    key = hashlib.sha256(settings.SECRET_KEY.encode()).digest()
    # What a client has sent may hold half of a surrogate pair.
    return hashlib.blake2b(text.encode(errors="surrogatepass"), key=key, digest_size=15).hexdigest()
