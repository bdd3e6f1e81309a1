"""The command names what is wrong, says so by its exit status, and needs no database for a file."""

from __future__ import annotations

import contextvars
import dataclasses
import io
import json

import pytest
from django.core.management import CommandError, call_command

from tenants.models import AuditEvent
from tenants.services import audit_export, audit_sealing
from tests.support import actors, logins, rows, trail

pytestmark = pytest.mark.usefixtures("empty_database")


@pytest.fixture
def tenant():
    tenant = trail.tenant()
    trail.write(None)
    trail.sealed(tenant, 12)
    return tenant


def run(*options):
    """(exit status, lines)."""
    output = io.StringIO()
    status = 0
    try:
        contextvars.copy_context().run(call_command, "verify_audit", *map(str, options), stdout=output)
    except SystemExit as end:
        status = end.code
    except CommandError as error:
        status = error.returncode
        output.write(str(error))
    return status, output.getvalue().splitlines()


def heads(tenant):
    with logins.engine():
        return audit_sealing.head(), audit_sealing.head_of(tenant.pk)


@pytest.fixture
def exported(tenant, tmp_path):
    """The tenant's trail as a file."""
    return export(tmp_path / "export.ndjson", tenant)


def export(path, tenant, chosen=None, filters=()):
    with actors.platform():
        parts = audit_export.export(tenant=tenant, form="ndjson", filters=dict(filters), chosen=chosen)
    path.write_bytes(b"".join(parts))
    return path


def test_a_sound_trail_is_said_to_be_with_its_head(tenant):
    whole, own = heads(tenant)
    assert run() == (0, [f"sound: rows 13, unsigned 0, head {whole}"])
    assert run("--tenant", tenant.slug, "--head", own, "--head", whole)[1] == [
        f"sound: rows 12, unsigned 0, head {own}"
    ]


def test_what_is_wrong_is_named_and_the_status_tells(tenant):
    ((event,),) = rows.fetch("SELECT event_id FROM audit_seal WHERE number = 5")
    rows.change("DELETE FROM audit_event WHERE id = %s", event)
    status, (finding, summary) = run()
    assert status == 1
    assert finding.startswith(f"deleted: {event}: sealed ")
    assert summary.startswith("1 findings: rows 13")
    status, lines = run("--json")
    told, summed = map(json.loads, lines)
    assert (status, told["finding"], told["event"]) == (1, "deleted", str(event))
    assert (summed["sound"], summed["findings"], summed["rows"]) == (False, 1, 13)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--tenant", "nobody"), "there is no tenant 'nobody'"),
        (("--head", "x"), "is no anchor"),
        (("--since", "soon"), "is no instant"),
        (("--file", "/nowhere"), "cannot be read"),
        (("--show-key",), "name it with --tenant"),
        (("--file", "/dev/null", "--key", "z"), "must be hexadecimal"),
    ],
)
def test_what_cannot_be_done_is_said_with_another_status(options, message):
    status, (line,) = run(*options)
    assert status == 2
    assert message in line


def test_since_takes_a_day(tenant):
    assert run("--since", "2020-01-01")[1][0].startswith("sound: rows 13")
    assert run("--since", "2190-01-01")[1][0].startswith("sound: rows 0")


def test_an_exported_file_is_verified_without_the_database(exported, tenant):
    with logins.role("owner"):  # who sees no row
        assert run("--file", exported) == (0, ["sound: rows 12, unsealed 0, complete True"])


def test_one_tenants_key_verifies_its_files_and_nobody_elses(exported, tenant, settings, tmp_path):
    ((_, (key,)), (_, (others,))) = (run("--show-key", "--tenant", of.slug) for of in (tenant, trail.tenant()))
    settings.AUDIT_KEYS = ["not known to them"]
    assert run("--file", exported, "--key", key)[0] == 0
    status, lines = run("--file", exported, "--key", others)
    assert (status, len(lines)) == (1, 14)
    assert run("--file", exported)[0] == 1


def test_the_whole_installations_file_is_verified(tenant, tmp_path):
    assert run("--file", export(tmp_path / "all", None))[1] == ["sound: rows 13, unsealed 0, complete True"]


def test_every_byte_of_a_file_counts(exported):
    text = exported.read_bytes()
    for place in range(0, len(text), 97):
        changed = bytearray(text)
        changed[place] ^= 1
        exported.write_bytes(changed)
        assert run("--file", exported)[0] == 1, place


def test_an_edited_line_is_named(exported):
    lines = exported.read_text().splitlines()
    event = json.loads(lines[5])["event"]["id"]
    lines[5] = lines[5].replace("job.updated", "job.created")
    exported.write_text("\n".join(lines) + "\n")
    status, told = run("--file", exported)
    assert status == 1
    assert told[0] == f"edited: {event}: does not read as when it was sealed"


@pytest.mark.parametrize(
    ("tamper", "kinds"),
    [
        (lambda lines: lines[:5] + lines[6:], {"edited", "missing"}),
        (lambda lines: [*lines[:5], lines[6], lines[5], *lines[7:]], {"edited"}),
        (lambda lines: lines[:-1], {"cut"}),
        (lambda lines: lines[:-4], {"cut"}),
        (lambda lines: [*lines[:6], *lines[5:]], {"edited", "missing", "reordered"}),
        (lambda lines: [*lines, b"{}\n"], {"damaged"}),
        (lambda lines: [*lines[:5], b"nonsense\n", *lines[5:]], {"damaged", "edited"}),
        (
            lambda lines: [*lines[:5], b'{"event": {"id": "1"}, "seal": {}}\n', *lines[5:]],
            {"damaged", "edited", "missing"},
        ),
        (lambda lines: [b"[]\n"], {"damaged"}),
        (lambda lines: [], {"cut"}),
        (lambda lines: [b"id,at\n", b"1,2\n"], {"damaged"}),
    ],
)
def test_a_file_that_was_tampered_with_is_refused(exported, tamper, kinds):
    exported.write_bytes(b"".join(tamper(exported.read_bytes().splitlines(keepends=True))))
    status, lines = run("--file", exported, "--json")
    assert status == 1
    assert {json.loads(line).get("finding") for line in lines[:-1]} == kinds


def test_a_file_of_what_the_database_lost_names_it(tenant, tmp_path):
    gone, kept = (
        rows.fetch("SELECT event_id FROM audit_seal WHERE position = %s AND tenant_id = %s", n, tenant.pk)[0][0]
        for n in (4, 5)
    )
    rows.change("DELETE FROM audit_event WHERE id = %s", gone)
    rows.change("DELETE FROM audit_seal WHERE event_id = %s", kept)
    status, lines = run("--file", export(tmp_path / "export", tenant))
    assert status == 1
    assert [line.split(":")[0] for line in lines[:-1]] == ["deleted", "missing"]


def test_a_file_is_held_against_an_anchor(exported, tenant, tmp_path):
    _, head = heads(tenant)
    assert run("--file", exported, "--head", head)[0] == 0
    trail.sealed(tenant)
    _, later = heads(tenant)
    assert run("--file", exported, "--head", later)[1][0].startswith("cut: ")
    other = dataclasses.replace(head, digest=bytes(32))
    assert run("--file", exported, "--head", other)[1][0].startswith("rewritten: ")


def test_a_file_by_filters_is_verified_row_by_row(tenant, tmp_path):
    ids = [row[0] for row in rows.fetch("SELECT event_id FROM audit_seal WHERE position %% 3 = 0")]
    chosen = AuditEvent.objects.filter(pk__in=ids)
    path = export(tmp_path / "export", tenant, chosen, {"actor": "system"})
    assert run("--file", path)[1] == ["sound: rows 4, unsealed 0, complete False"]
    path.write_bytes(path.read_bytes().replace(b"job.updated", b"job.created", 1))
    assert run("--file", path)[0] == 1
