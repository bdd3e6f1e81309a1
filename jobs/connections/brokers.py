"""Connections to message brokers and caches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from jobs.connections.contract import OFF, Certificate, Connection, Name, Password, Port, Secured, Target, Tls, User

#: host:port, the host as elsewhere or in brackets.
Server = Annotated[str, Field(max_length=260, pattern=r"^(\[[0-9A-Fa-f:.]+\]|[^\s/@,?#\\=%:]+):[1-9][0-9]{0,4}$")]


class RabbitMq(Secured):
    """A RabbitMQ virtual host."""

    kind = "rabbitmq"
    title = "RabbitMQ"
    example: ClassVar[Mapping[str, Any]] = {"host": "mq.example.com", "user": "shop", "password": "made-up-secret"}

    port: Port | None = Field(default=None, description="5671, or 5672 without TLS, if it is left out.")
    vhost: Name = "/"
    user: User
    password: Password

    def targets(self) -> list[Target]:
        encrypted = self.tls != OFF
        return [Target(self.host, self.port or (5671 if encrypted else 5672), tls=encrypted)]


class Kafka(Connection):
    """A Kafka cluster."""

    kind = "kafka"
    title = "Kafka"
    example: ClassVar[Mapping[str, Any]] = {
        "servers": ["kafka1.example.com:9093"],
        "mechanism": "SCRAM-SHA-512",
        "user": "shop",
        "password": "made-up-secret",
    }

    servers: Annotated[list[Server], Field(min_length=1, max_length=16)] = Field(
        description="host:port of some brokers."
    )
    tls: Tls = Field(default="verify", title="TLS")
    ca: Certificate | None = Field(
        default=None,
        title="Certificate authority",
        description="PEM of the authority to verify brokers with, if it is no public one.",
    )
    mechanism: Literal["none", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "none"
    user: User | None = None
    password: Password | None = None

    @model_validator(mode="after")
    def _log_in_is_whole(self) -> Self:
        if self.mechanism != "none" and not (self.user and self.password):
            raise ValueError(f"{self.mechanism} needs user and password")
        return self

    def targets(self) -> list[Target]:
        parted = (server.rpartition(":") for server in self.servers)
        return [Target(host.strip("[]"), int(port), tls=self.tls != OFF) for host, _, port in parted]


class Redis(Secured):
    """A Redis or Valkey database."""

    kind = "redis"
    title = "Redis or Valkey"
    example: ClassVar[Mapping[str, Any]] = {"host": "cache.example.com", "password": "made-up-secret"}

    port: Port = 6379
    database: Annotated[int, Field(ge=0, le=9999)] = 0
    user: User | None = None
    password: Password | None = None

    def targets(self) -> list[Target]:
        return [Target(self.host, self.port, tls=self.tls != OFF)]


TYPES: tuple[type[Connection], ...] = (RabbitMq, Kafka, Redis)
