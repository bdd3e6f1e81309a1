"""A canary goes through jobs of every kind that says it in every way it can; afterwards it is found nowhere."""

from __future__ import annotations

import base64
import json
from itertools import count
from typing import Any
from urllib.parse import quote

import pytest

from tasks import http_answer
from tests.acceptance import runs
from tests.support import leaks
from tests.support.http_server import HttpServer
from tests.support.stack import Stack, wait_for

#: Every character that some encoding writes differently, and header values may hold.
CANARY = "Canary-'q\"/u+o&t<e>=%7\\x~" + "9f3c1b7e"
NAME = "acceptance_canary"
_names = (f"canary-{number}" for number in count())

SCRIPT = """
echo "raw $TOKEN"
printf 'cut in two: %s' "${TOKEN%????????????}"; sleep 0.3; printf '%s!\\n' "${TOKEN#"${TOKEN%????????????}"}" >&1
printf '%s' "$TOKEN" | base64
printf 'user:%s' "$TOKEN" | base64
python3 - <<'END'
import json, os, sys, time, urllib.parse
token = os.environ["TOKEN"]
print(json.dumps({"a": token}), urllib.parse.quote(token), repr(token))
print("x" * 8180 + token + "y" * 70000 + token, flush=True)
for piece in ("in pieces: ", *token, "\\n"):
    sys.stderr.write(piece)
    sys.stderr.flush()
sys.stdout.write("z" * 65530)
sys.stdout.flush()
time.sleep(0.2)
sys.stdout.write(token + "\\n")
print("::result " + json.dumps({"token": token, "list": [token]}))
END
cat
sleep 1
set -x
test -n "$TOKEN"
exit $CODE
"""


@pytest.fixture
def secret(carillon: Stack) -> str:
    """The canary, as a secret of the tenant."""
    if not carillon.query("SELECT 1 FROM secret WHERE name = %s", NAME):
        carillon.api.post("secrets", {"name": NAME, "value": CANARY})
    return "{{ secrets." + NAME + " }}"


def start(carillon: Stack, type_: str, payload: dict[str, Any], **fields: Any) -> str:
    name = next(_names)
    retry = {"max_attempts": 1}
    carillon.api.post("jobs", {"name": name, "type": type_, "payload": payload, "retry": retry, **fields})
    return carillon.api.trigger(name)


def messages(carillon: Stack, execution: str) -> list[str]:
    return [line["message"] for line in carillon.api.get(f"executions/{execution}/logs")["data"]]


def http_jobs(carillon: Stack, secret: str, web_site: HttpServer) -> list[str]:
    data = CANARY.encode()
    body = b"%s %s %s " % (data, base64.b64encode(b"k=" + data), quote(CANARY).encode())
    body += b"z" * (http_answer.KEPT_BYTES - len(body) - 10) + data
    parrot = {"body": body, "headers": {"Location": quote(CANARY), "ETag": CANARY}}
    web_site.answer("/parrot", **parrot)
    web_site.answer("/json", body=json.dumps({"was": [CANARY]}).encode(), headers={"Content-Type": "application/json"})
    web_site.answer("/broken", status=500, **parrot)
    call = {
        "method": "POST",
        "headers": {"Authorization": f"Bearer {secret}"},
        "query": {"token": secret},
        "body": {"deep": [secret, {"in": f"text with {secret}"}]},
    }
    places = ("/parrot", "/json", "/broken", f"/in-the-path/{secret}")
    answered = [start(carillon, "http", {**call, "url": web_site.url(place)}) for place in places]
    nobody = start(carillon, "http", {**call, "url": f"http://127.0.0.1:1/{secret}"})
    malformed = start(carillon, "http", {"url": "http://[" + secret})
    return [*answered, nobody, malformed]


def test_a_canary_is_found_nowhere(carillon: Stack, secret: str, web_site: HttpServer) -> None:
    with leaks.overheard(carillon.valkey.url()) as redis:
        executions = http_jobs(carillon, secret, web_site)
        for code in (0, 3):
            env = {"TOKEN": secret, "CODE": str(code)}
            executions.append(start(carillon, "script", {"script": SCRIPT, "env": env, "stdin": f"stdin {secret}\n"}))
        for way in ("result", "raise", "fail", "long", "exit"):
            kwargs = {"secret": secret, "way": way}
            executions.append(start(carillon, "python", {"callable": "tests.tell", "kwargs": kwargs}))
            executions.append(
                start(carillon, "python", {"callable": "tests.tell", "items": [secret] * 3, "kwargs": {"way": way}})
            )
        executions.append(start(carillon, "dummy", {"result": {"a": f"{secret}!"}}))
        wait_for(
            lambda: any("stdin" in line for line in messages(carillon, executions[6])), 90, "the script is under way"
        )
        assert leaks.in_process_list(CANARY) == []
        ended = [runs.wait_ended(carillon, execution, 90) for execution in executions]
    assert_used(carillon, ended, web_site)
    assert leaks.found(CANARY, "\n".join(redis)) == []
    assert any("LPUSH" in command for command in redis), "nobody listened"
    assert leaks.in_database(carillon, CANARY) == {}
    assert leaks.in_files(carillon.folder, CANARY) == {}
    pages = [
        carillon.api.send("GET", place).text for place in ("/metrics", "executions", "jobs", "dead-letters", "secrets")
    ]
    for run in ended:
        pages += [carillon.api.send("GET", f"executions/{run['id']}{part}").text for part in ("", "/logs", "/attempts")]
    assert leaks.found(CANARY, "\n".join(pages)) == []


def assert_used(carillon: Stack, ended: list[dict[str, Any]], web_site: HttpServer) -> None:
    """The jobs got the canary itself, and did what they should."""
    assert {request.headers["authorization"] for request in web_site.requests} == {f"Bearer {CANARY}"}
    assert len(web_site.requests) == 4
    assert json.loads(web_site.requests[0].body) == {"deep": [CANARY, {"in": f"text with {CANARY}"}]}
    states = [run["state"] for run in ended]
    assert states[:6] == ["succeeded", "succeeded", "failed", "succeeded", "failed", "failed"], states
    assert ended[1]["result"]["body"] == {"was": ["***"]}
    script = messages(carillon, ended[6]["id"])
    assert {"raw ***", "cut in two: ***!", "in pieces: ***", "stdin ***"} <= set(script)
    assert ended[6]["result"] == {"token": "***", "list": ["***"]}
    assert (states[7], ended[7]["error"]["message"]) == ("failed", "exit code 3")
    python = messages(carillon, ended[8]["id"])
    assert {"says ***", "logged ***", "50% half of ***"} <= set(python)
    assert ended[8]["result"] == {"token": "***", "***": "in ***", "n": 5}
    assert ended[10]["error"]["message"] == "ValueError: wrong: ***"
    assert messages(carillon, ended[10]["id"])[-1].endswith("ValueError: wrong: ***"), "a traceback"
    assert f"{'y' * 276}***" in ended[15]["error"]["message"], "cut after it was masked"
    assert ended[18]["result"] == {"a": "***!"}
