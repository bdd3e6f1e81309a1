"""What a connection type is, and the fields that many of them have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr
from pydantic.config import JsonDict

from jobs.written_forms import written
from tenants.rules.maskable import SHORTEST

_SECRET = written(r"^[A-Za-z][A-Za-z0-9_]{0,63}$", "a secret's name: a letter, then letters, digits and _, 64 at most")
#: Characters of a secret text.
LONGEST = 8192

#: One host; no lists, sockets, users or paths, which some clients read out of it.
_HOST = written(r"^[^\s/@,?#\\=%]+$", "one host's name or address, without a port, a path or a user")
Host = Annotated[str, Field(min_length=1, max_length=253, pattern=_HOST)]
Port = Annotated[int, Field(ge=1, le=65535)]
User = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]
Name = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f=]+$")]


def _can_be_masked(secret: SecretStr) -> SecretStr:
    if not SHORTEST <= len(secret.get_secret_value()) <= LONGEST:
        raise ValueError(f"must have {SHORTEST} to {LONGEST} characters: a shorter one cannot be masked in logs")
    return secret


Password = Annotated[
    SecretStr, AfterValidator(_can_be_masked), Field(json_schema_extra={"minLength": SHORTEST, "maxLength": LONGEST})
]
#: Of a private authority or of the server itself.
Certificate = Annotated[str, Field(max_length=16_384, pattern=r"^\s*-----BEGIN CERTIFICATE-----")]
_URL = written(
    r"^https?://[^\s/@?#\\]+(/[^\s?#\\]*)?$", "a URL of http or https without a log-in, a query or a fragment"
)
Url = Annotated[str, Field(max_length=2048, pattern=_URL)]

VERIFY, INSECURE, OFF = "verify", "insecure", "off"
Tls = Literal["verify", "insecure", "off"]


@dataclass(frozen=True, slots=True)
class Target:
    """Where a connection leads. ``tls``: from the first byte on."""

    host: str
    port: int
    tls: bool = False


class Connection(BaseModel):
    """Base of every connection type. Unknown fields are refused by name; no error quotes what was sent."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)

    kind: ClassVar[str]
    title: ClassVar[str]
    #: Values that are valid, shown in the API and the console; its secrets are made up.
    example: ClassVar[Mapping[str, Any]]

    def targets(self) -> list[Target]:
        """The servers it leads to; none for what is no server."""
        return []


class Secured(Connection):
    """A connection to one server, with TLS unless it says otherwise."""

    host: Host
    tls: Tls = Field(
        default="verify",
        title="TLS",
        description="verify: the certificate must be the host's; insecure: any certificate; off: everything in clear.",
    )
    ca: Certificate | None = Field(
        default=None,
        title="Certificate authority",
        description="PEM of the authority to verify with, if it is no public one.",
    )


@dataclass(frozen=True, slots=True)
class Named:
    """Marks a payload's field that holds a connection's name."""

    kinds: tuple[str, ...]


def named(*kinds: str) -> Any:
    """The type of a payload's field that names a connection of one of these kinds; of any, without."""
    told: JsonDict = {"secret": list(kinds)}
    what = " or ".join(kinds) or "connection"
    field = Field(
        pattern=_SECRET,
        description=f"Name of a secret of kind {what}." if kinds else "Name of a secret that is a connection.",
        json_schema_extra=told,
    )
    return Annotated[str, field, Named(kinds)]
