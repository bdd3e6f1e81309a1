from __future__ import annotations

import secrets

from tests.support.conformance import Case
from tests.support.http_server import HttpServer


def case(server: HttpServer) -> Case:
    """The slow one hangs in an S3 server that does not answer; the oversized one lists a bucket of very many names."""
    key = "<Contents><Key>%s</Key><LastModified>2026-01-01T00:00:00Z</LastModified><Size>1</Size></Contents>"
    names = "".join(key % (f"{number}{'x' * 200}") for number in range(20_000))
    server.answer("/many-names/", body=f'<ListBucketResult xmlns="a">{names}</ListBucketResult>'.encode())
    server.hang("/slow-bucket/")
    connection = {
        "kind": "s3",
        "endpoint_url": server.url(""),
        "access_key_id": "AKIA",
        "secret_access_key": "a-made-up-secret",
        "path_style": True,
    }
    return Case(
        success={"operation": "mkdir", "path": f"made-{secrets.token_hex(4)}"},
        accepts=lambda result: bool(result["path"].startswith("made-")),
        wrong={
            "path": {"operation": "list", "path": "../up"},
            "operation": {"operation": "burn"},
            "target": {"operation": "copy", "path": "a", "target": "/etc"},
        },
        slow={"operation": "list", "connection": "slow"},
        under_way=lambda _: any(request.path.startswith("/slow-bucket") for request in server.requests),
        oversized={"operation": "list", "connection": "many"},
        allowed_hosts=["127.0.0.1"],
        connections={"slow": {**connection, "bucket": "slow-bucket"}, "many": {**connection, "bucket": "many-names"}},
    )
