"""Two tenants' requests, interleaved over the same few pooled connections, some of them broken off in the middle."""

from __future__ import annotations

import random
import secrets
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from tests.support.stack import Stack
from tests.support.stack_api import Api
from tests.support.stack_tenants import keys

CLIENTS, TURNS = 8, 100


class Tenant:
    """One of them, with a job whose name tells whose it is."""

    def __init__(self, carillon: Stack, slug: str, key: str) -> None:
        self.slug, self.key, self.url = slug, key, carillon.url
        api = Api(carillon.url, key)
        made = api.post("jobs", {"name": f"{slug}-job", "type": "dummy", "description": slug, "tags": [slug]})
        self.job: str = made["id"]
        api.close()


def test_interleaved_requests_over_pooled_connections_see_their_own_tenant_alone(carillon: Stack) -> None:
    slugs = [f"wall-a-{secrets.token_hex(3)}", f"wall-b-{secrets.token_hex(3)}"]
    made = keys(carillon, [{"slug": slug} for slug in slugs])
    first, second = (Tenant(carillon, slug, made[slug]) for slug in slugs)
    with ThreadPoolExecutor(CLIENTS) as threads:
        sides = [(first, second) if place % 2 else (second, first) for place in range(CLIENTS)]
        seen = sum(
            threads.map(lambda pair: _visit(pair[1], *pair[0]), zip(sides, range(CLIENTS), strict=True)), Counter()
        )
    assert seen.pop("foreign", 0) == 0
    assert min(seen.values()) > CLIENTS
    assert set(seen) == {"list", "own", "other's", "refused", "triggered", "broken off"}
    used = carillon.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'carillon app'")
    assert used <= 8, "the connections were shared"


def _visit(seed: int, mine: Tenant, other: Tenant) -> Counter[str]:
    """A client's turns; what it saw, by kind, and "foreign" for whatever was the other's."""
    chance, api, seen = random.Random(seed), Api(mine.url, mine.key), Counter[str]()
    kinds = [_list, _own, _others, _refused, _triggered, _broken_off]
    for turn in range(TURNS):
        visit = chance.choice(kinds) if turn >= 2 * len(kinds) else kinds[turn % len(kinds)]
        kind, good = visit(api, mine, other)
        seen[kind] += 1
        seen["foreign"] += not good
    api.close()
    return seen


def _list(api: Api, mine: Tenant, other: Tenant) -> tuple[str, bool]:
    found = [row["description"] for row in api.get("jobs")["data"]]
    return "list", found == [mine.slug]


def _own(api: Api, mine: Tenant, other: Tenant) -> tuple[str, bool]:
    return "own", api.get(f"jobs/{mine.job}")["tags"] == [mine.slug]


def _others(api: Api, mine: Tenant, other: Tenant) -> tuple[str, bool]:
    answers = [api.send("GET", f"jobs/{other.job}"), api.send("POST", f"jobs/{other.slug}-job/trigger", {})]
    return "other's", all(answer.status_code == 404 for answer in answers)


def _refused(api: Api, mine: Tenant, other: Tenant) -> tuple[str, bool]:
    """Its transaction is rolled back with the tenant in force."""
    return "refused", api.send("POST", "jobs", {"name": mine.slug, "type": "dummy", "queue": "none"}).status_code == 422


def _triggered(api: Api, mine: Tenant, other: Tenant) -> tuple[str, bool]:
    run: dict[str, Any] = api.post(f"jobs/{mine.job}/trigger")
    ended = api.send("POST", f"executions/{run['id']}/cancel", {})
    return "triggered", run["job"]["id"] == mine.job and ended.status_code in (200, 202, 409)


def _broken_off(api: Api, mine: Tenant, other: Tenant) -> tuple[str, bool]:
    """A client that hangs up without waiting for its answer."""
    place = urlsplit(mine.url)
    with socket.create_connection((place.hostname, place.port)) as connection:
        connection.sendall(
            f"GET /api/v1/executions HTTP/1.1\r\nHost: {place.netloc}\r\nX-API-Key: {mine.key}\r\n\r\n".encode()
        )
    return "broken off", True
