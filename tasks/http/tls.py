"""The TLS of one call, where a payload asks for more than the usual."""

from __future__ import annotations

import os
import ssl

import httpx2

from jobs.handlers import PermanentFailure
from jobs.rules.codes import Failure
from tasks.http.params import Tls

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def context(wanted: Tls, *, verify: bool, introduced: bool) -> ssl.SSLContext | None:
    """What is asked for, with the client's certificate if it is to be ``introduced``; None for the usual."""
    certificate = wanted.client_certificate if introduced else None
    if wanted.ca is None and certificate is None and wanted.minimum_version == "1.2":
        return None
    made = _trusting(wanted.ca) if wanted.ca else httpx2.create_ssl_context(verify=verify, trust_env=False)
    made.minimum_version = _VERSIONS[wanted.minimum_version]
    if certificate:
        _introduce(made, certificate)
    return made


def _trusting(authority: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cadata=authority)
    except (ssl.SSLError, ValueError):
        raise PermanentFailure("tls.ca is no certificate in PEM", code=Failure.CONFIG_INVALID) from None


def _introduce(made: ssl.SSLContext, certificate: str) -> None:
    """OpenSSL reads files only, and a key has no business on a disk."""
    file = os.memfd_create("client-certificate")
    try:
        os.write(file, certificate.encode())
        # Without a password it would ask for one at the terminal.
        made.load_cert_chain(f"/proc/self/fd/{file}", password="")
    except (ssl.SSLError, OSError, ValueError):
        message = "tls.client_certificate is no PEM of a certificate and its key, in clear"
        raise PermanentFailure(message, code=Failure.CONFIG_INVALID) from None
    finally:
        os.close(file)
