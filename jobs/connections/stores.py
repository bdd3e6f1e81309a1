"""Connections to where files lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from jobs.connections.contract import Connection, Host, Name, Password, Port, Target, Url, User


class S3(Connection):
    """A bucket of S3 or of what speaks like it."""

    kind = "s3"
    title = "S3"
    example: ClassVar[Mapping[str, Any]] = {
        "endpoint_url": "https://s3.eu-central-1.amazonaws.com",
        "region": "eu-central-1",
        "bucket": "reports",
        "access_key_id": "AKIAEXAMPLE",
        "secret_access_key": "made-up-secret",
    }

    endpoint_url: Url
    region: Name = "us-east-1"
    bucket: Name
    access_key_id: User
    secret_access_key: Password
    path_style: bool = Field(default=False, description="The bucket in the path instead of in the host name.")

    def targets(self) -> list[Target]:
        return [of_url(self.endpoint_url)]


class Sftp(Connection):
    """A server of files over SSH."""

    kind = "sftp"
    title = "SFTP"
    example: ClassVar[Mapping[str, Any]] = {
        "host": "files.example.com",
        "user": "shop",
        "password": "made-up-secret",
        "host_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample",
    }

    host: Host
    port: Port = 22
    user: User
    password: Password | None = None
    private_key: Password | None = Field(default=None, description="PEM or OpenSSH text.")
    passphrase: Password | None = Field(default=None, description="Of the private key, if it has one.")
    host_key: Annotated[str, Field(max_length=2048, pattern=r"^(ssh|ecdsa)-[a-z0-9-]+ [A-Za-z0-9+/]+=*$")] = Field(
        description="The server's public key, as ssh-keyscan prints it: no other server is trusted."
    )

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if (self.password is None) == (self.private_key is None):
            raise ValueError("give either password or private_key")
        return self

    def targets(self) -> list[Target]:
        return [Target(self.host, self.port)]


def of_url(url: str) -> Target:
    """Where a URL leads."""
    parts = urlsplit(url)
    encrypted = parts.scheme == "https"
    return Target(parts.hostname or "", parts.port or (443 if encrypted else 80), tls=encrypted)


TYPES: tuple[type[Connection], ...] = (S3, Sftp)
