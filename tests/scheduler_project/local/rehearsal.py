"""`make up` with stand-ins for what needs the whole project, as a process of its own.

rehearsal.py              real servers and roles; made-up migration, seed and web process
rehearsal.py web FD       the web process: answers everything with 200
"""

from __future__ import annotations

import http.server
import os
import signal
import socket
import sys
from typing import Any

import psycopg
import redis

from scheduler_project.env import Env
from scheduler_project.local import processes
from scheduler_project.local.child import Program
from scheduler_project.local.errors import LocalError
from scheduler_project.local.up import Steps, up

MIGRATE = """
import os, psycopg, sys
if os.path.exists(os.environ["CARILLON_HOME"] + "/logs/obstacle"):
    sys.exit("there is an obstacle")
with psycopg.connect(os.environ["DATABASE_URL"]) as owner:
    owner.execute("CREATE TABLE IF NOT EXISTS migration (at timestamptz DEFAULT now())")
    owner.execute("INSERT INTO migration DEFAULT VALUES")
    print("migrated", owner.execute("SELECT count(*) FROM migration").fetchone()[0], "times as", owner.info.user)
"""
SEED = """
import json, os, secrets
assert os.environ["CARILLON_DATABASE_ROLE"] == "app", os.environ
admin = {"email": "ada@example.org", "password": secrets.token_hex(8)}
print(json.dumps({"tenant": "local", "api_key": "ck_" + secrets.token_hex(8), "admin": admin}))
"""
SYNC = """
import os, sys
assert os.environ["CARILLON_DATABASE_ROLE"] == "app", os.environ
sys.exit("refused for " + sys.argv[-1])
"""


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        with psycopg.connect(os.environ["DATABASE_URL"]), redis.Redis.from_url(os.environ["REDIS_URL"]) as broker:
            broker.ping()
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Keeps quiet."""


def web(listener: int) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    server = http.server.HTTPServer(("127.0.0.1", 0), Answer, bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(fileno=listener)
    sys.stdout.write(f"ready {os.getpid()}\n")
    sys.stdout.flush()
    server.serve_forever()


def programs(site: processes.Site, *, listener: int, **_: Any) -> list[Program]:
    argv = [sys.executable, __file__, "web", str(listener)]
    return [Program("web", argv, env=site.environment("app"), ready="ready", fds=(listener,))]


if __name__ == "__main__":
    if sys.argv[1:2] == ["web"]:
        web(int(sys.argv[2]))
    else:
        try:
            commands = ((sys.executable, "-c", text) for text in (MIGRATE, SEED, SYNC))
            up(Env(), Steps(*commands, programs))
        except LocalError as error:
            sys.exit(f"carillon: {error}")
