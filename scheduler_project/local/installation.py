"""The parts of one installation on its way up, in the order they need each other."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from scheduler_project.env import ROOT, Env
from scheduler_project.local import keys, ports, roles, service_user
from scheduler_project.local.errors import LocalError
from scheduler_project.local.home import Home, write_private
from scheduler_project.local.output import Output
from scheduler_project.local.postgres import Postgres
from scheduler_project.local.supervisor import Server
from scheduler_project.local.valkey import Valkey


class Installation:
    """What it starts, ``on_exit`` stops, the last first. Embedded servers are then in ``servers``."""

    def __init__(self, home: Home, env: Env, output: Output, on_exit: contextlib.ExitStack) -> None:
        self.home = home
        self.keys = keys.load(home.secrets)
        self.servers: list[Server] = []
        self._env = env
        self._output = output
        self._on_exit = on_exit
        self._ports: dict[str, int] = json.loads(home.ports.read_text()) if home.ports.exists() else {}

    def listener(self) -> socket.socket:
        """The web process's listening socket."""
        candidates = self._candidates("web", "port", self._env.port)
        bound = self._on_exit.enter_context(ports.bind_first(candidates))
        self._remember("web", "The web process", candidates[0], ports.number(bound))
        return ports.listen(bound)

    def flower_port(self) -> int:
        candidates = self._candidates("flower", "flower_port", self._env.flower_port)
        port = ports.free(*candidates)
        self._remember("flower", "Flower", candidates[0], port)
        return port

    def database(self) -> roles.Urls:
        """The three log-ins, on the server DATABASE_URL names or on an embedded one."""
        admin_url = self._env.database_url.get_secret_value() or self._postgres().url()
        return roles.ensure(admin_url, prefix=self._env.role_prefix, passwords=self.keys.roles)

    def redis_url(self) -> str:
        """What REDIS_URL names, or an embedded server."""
        if "redis_url" in self._env.model_fields_set:
            return self._env.redis_url.get_secret_value()
        server = Valkey(
            self.home.valkey,
            log=self.home.logs / "valkey.log",
            password=self.keys.redis,
            port=ports.free(self._ports.get("valkey", 0)),
        )
        server.start()
        self._on_exit.callback(server.stop)
        self.servers.append(server)
        self._remember("valkey", "Valkey", server.port, server.port)
        self._output.say(f"Valkey answers on 127.0.0.1:{server.port}")
        return server.url()

    def _postgres(self) -> Postgres:
        user = service_user.for_this_process(self._env.service_user)
        server = Postgres(
            self.home.place_postgres(user),
            log=self.home.logs / "postgres.log",
            password=self.keys.postgres,
            port=ports.free(self._ports.get("postgres", 0)),
            user=user,
        )
        self._on_exit.callback(server.stop)
        server.start()
        self.servers.append(server)
        self._remember("postgres", "PostgreSQL", server.port, server.port)
        self._output.say(f"PostgreSQL answers on 127.0.0.1:{server.port}")
        return server

    def migrate(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        for line in self._run(command, environment).splitlines():
            self._output.line("migrate", line)

    def credentials(self, command: Sequence[str], environment: Mapping[str, str], **urls: str) -> dict[str, Any]:
        """Who may log in and where; the command makes them up on the first way up only."""
        path = self.home.credentials
        known = json.loads(path.read_text()) if path.exists() else json.loads(self._run(command, environment))
        credentials = urls | {name: known[name] for name in ("tenant", "api_key", "admin")}
        write_private(path, credentials)
        return credentials

    def sync(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Jobs as the developer's code declares them. What is refused is told, and keeps nothing else from starting."""
        try:
            told = self._run(command, environment)
        except LocalError as refusal:
            told = str(refusal)
        for line in told.splitlines():
            self._output.line("sync", line)

    def _run(self, command: Sequence[str], environment: Mapping[str, str]) -> str:
        """The command's standard output. Raises LocalError with all it has said where it fails."""
        done = subprocess.run(command, env=dict(environment), cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise LocalError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def _candidates(self, name: str, setting: str, value: int) -> list[int]:
        """A port named in the environment, or else the last one used and then the default."""
        if setting in self._env.model_fields_set or name not in self._ports:
            return [value]
        return [self._ports[name], value]

    def _remember(self, name: str, title: str, wanted: int, port: int) -> None:
        if port != wanted:
            self._output.say(f"Port {wanted} is taken: {title} is on {port} instead")
        self._ports[name] = port
        write_private(self.home.ports, self._ports)
