"""Connection types: structured fields, whole log-ins, and nothing that leads elsewhere than it says."""

from __future__ import annotations

import pytest
from pydantic import SecretStr, ValidationError

from jobs import connections
from jobs.connections import Target

KINDS = connections.kinds()
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def check(kind, **fields):
    return connections.check(kind, {**connections.types()[kind].example, **fields})


def refused(kind, **fields):
    with pytest.raises(ValidationError) as caught:
        check(kind, **fields)
    return {error["loc"][0] if error["loc"] else "" for error in caught.value.errors()}


def test_there_are_sixteen_kinds_and_each_is_named_for_itself():
    assert len(KINDS) == 16
    assert all(connections.types()[kind].kind == kind and connections.types()[kind].title for kind in KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_sealed_comes_back_the_same(kind):
    connection = check(kind)
    sealed = connections.plain(connection)
    assert "kind" not in sealed, "it is kept beside the value"
    assert connections.load({**sealed, "kind": kind}) == connection
    assert all(secret.endswith("made-up-secret") for secret in connections.sensitive(connection))
    assert bool(connections.sensitive(connection)) == (kind != "sqlite")


@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_takes_a_dsn_or_a_field_it_does_not_know(kind):
    for name in ("dsn", "url", "options", "service", "sslkey"):
        assert refused(kind, **{name: "x"}) == {name}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "host" in connections.types()[kind].model_fields])
@pytest.mark.parametrize(
    "host", ["", "a b", "/var/run", "a,b", "u@h", "h:/x", "h?x=1", "h#x", "h=1", "h\\x", "h\n", "a%25", "x" * 254]
)
def test_a_host_is_one_host(kind, host):
    assert refused(kind, host=host) == {"host"}


@pytest.mark.parametrize("kind", KINDS)
def test_secret_fields_never_show_and_are_long_enough_to_be_masked(kind):
    for name, field in connections.types()[kind].model_fields.items():
        if "SecretStr" not in str(field.annotation):
            continue
        schema = str(connections.types()[kind].model_json_schema()["properties"][name])
        assert "'writeOnly': True" in schema
        assert "'minLength': 8" in schema
        if kind != "sftp":
            assert refused(kind, **{name: "1234567"}) == {name}
            long_enough = "http://x" if name.endswith("_url") else "12345678"
            assert isinstance(getattr(check(kind, **{name: long_enough}), name), SecretStr)


@pytest.mark.parametrize(
    ("kind", "fields", "target"),
    [
        ("postgresql", {}, Target("db.example.com", 5432)),
        ("rabbitmq", {}, Target("mq.example.com", 5671, tls=True)),
        ("rabbitmq", {"tls": "off"}, Target("mq.example.com", 5672)),
        ("kafka", {"servers": ["[2001:db8::1]:9092"], "tls": "off"}, Target("2001:db8::1", 9092)),
        ("redis", {"tls": "insecure"}, Target("cache.example.com", 6379, tls=True)),
        ("smtp", {}, Target("smtp.example.com", 587)),
        ("smtp", {"security": "tls"}, Target("smtp.example.com", 465, tls=True)),
        ("smtp", {"security": "off", "port": 2525}, Target("smtp.example.com", 2525)),
        ("s3", {"endpoint_url": "http://minio:9000"}, Target("minio", 9000)),
        ("oauth2_client", {}, Target("login.example.com", 443, tls=True)),
        ("webhook", {"webhook_url": "http://h:8080/x?y=1"}, Target("h", 8080)),
        ("discord", {}, Target("discord.com", 443, tls=True)),
        ("telegram", {}, Target("api.telegram.org", 443, tls=True)),
    ],
)
def test_where_a_connection_leads(kind, fields, target):
    assert check(kind, **fields).targets() == [target]


@pytest.mark.parametrize(
    ("kind", "fields", "field"),
    [
        ("kafka", {"password": None}, ""),
        ("kafka", {"servers": []}, "servers"),
        ("kafka", {"servers": ["host"]}, "servers"),
        ("sftp", {"password": None}, ""),
        ("sftp", {"private_key": "x" * 20}, ""),
        ("sftp", {"host_key": "ssh-rsa"}, "host_key"),
        ("sqlite", {"path": "/etc/passwd"}, "path"),
        ("sqlite", {"path": "a/../../b"}, "path"),
        ("sqlite", {"path": ".hidden"}, "path"),
        ("http_basic", {"user": "a:b"}, "user"),
        ("http_basic", {"base_url": "ftp://h/"}, "base_url"),
        ("http_basic", {"base_url": "https://u:p@h/"}, "base_url"),
        ("http_bearer", {"base_url": "https://h/?token=1"}, "base_url"),
        ("postgresql", {"database": "host=evil"}, "database"),
        ("postgresql", {"port": 0}, "port"),
        ("postgresql", {"tls": "prefer"}, "tls"),
        ("postgresql", {"ca": "/etc/passwd"}, "ca"),
        ("smtp", {"sender": "nobody"}, "sender"),
        ("smtp", {"recipients": ["a@b.example, c@d.example"]}, "recipients"),
        ("webhook", {"webhook_url": "https://u:p@h/"}, "webhook_url"),
        ("slack", {"webhook_url": "file:///etc/passwd"}, "webhook_url"),
    ],
)
def test_what_cannot_be_a_connection_is_refused_by_field(kind, fields, field):
    assert refused(kind, **fields) == {field}


def test_a_private_authority_is_taken_as_pem():
    assert check("postgresql", ca=CERTIFICATE).ca == CERTIFICATE
