"""``manage.py verify_audit``: whether the audit trail, or an exported part of it, is as it was written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from tenants import context
from tenants.models import Tenant
from tenants.rules import audit_chain
from tenants.rules.audit_chain import Anchor
from tenants.rules.audit_file import Check, KeyOf
from tenants.rules.audit_findings import Finding
from tenants.services import audit
from tenants.services.audit_verification import Walk

#: Exit status: nothing wrong; something is; it cannot be said.
SOUND, WRONG, UNKNOWN = 0, 1, 2


class Command(BaseCommand):
    """Run with the web process's environment, while the system runs; ``--file`` needs the key alone."""

    help = "Names every audit row that was edited, deleted, inserted or reordered. Exit status 1 if there is one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", metavar="SLUG", help="This tenant's chain alone.")
        parser.add_argument("--since", metavar="INSTANT", help="What was sealed from then on, such as 2026-11-01.")
        parser.add_argument("--head", metavar="ANCHOR", action="append", default=[], help="The chain must hold it.")
        parser.add_argument("--file", type=Path, metavar="NDJSON", help="An exported file, instead of the database.")
        parser.add_argument("--key", metavar="HEX", help="With --file: one tenant's verification key.")
        parser.add_argument(
            "--show-key", action="store_true", help="With --tenant: print that tenant's verification key."
        )
        parser.add_argument("--json", action="store_true", help="One JSON object a line, the last of them a summary.")

    def handle(self, *_: Any, **options: Any) -> None:
        anchors = [_anchor(text) for text in options["head"]]
        if options["file"]:
            self._verify_file(options["file"], anchors, options)
        elif options["show_key"]:
            self._show_key(_tenant(options["tenant"]))
        else:
            walk = Walk(_tenant(options["tenant"]), _instant(options["since"]), anchors)
            self._verify_database(walk, as_json=options["json"])

    def _verify_database(self, walk: Walk, *, as_json: bool) -> None:
        wrong = self._tell(walk.findings(), as_json)
        head = str(walk.head) if walk.head else None
        self._sum_up({"rows": walk.checked, "unsigned": walk.unsigned, "head": head}, wrong, as_json)

    def _verify_file(self, path: Path, anchors: list[Anchor], options: dict[str, Any]) -> None:
        check = Check(_given(options["key"]) if options["key"] else _held, anchors)
        try:
            with path.open("rb") as lines:
                wrong = self._tell(check.findings(lines), options["json"])
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}", returncode=UNKNOWN) from None
        counts = {"rows": check.checked, "unsealed": check.unsealed, "complete": check.complete}
        self._sum_up(counts, wrong, options["json"])

    def _show_key(self, tenant: Tenant | None) -> None:
        if tenant is None:
            raise CommandError("--show-key shows one tenant's: name it with --tenant", returncode=UNKNOWN)
        self.stdout.write(audit.keys()[0].of_tenant(tenant.pk).hex())

    def _tell(self, findings: Iterator[Finding], as_json: bool) -> int:
        wrong = 0
        for finding in findings:
            wrong += 1
            told = {"finding": finding.kind, "event": finding.event, "message": finding.message}
            self.stdout.write(json.dumps(told) if as_json else str(finding))
        return wrong

    def _sum_up(self, counts: dict[str, Any], wrong: int, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps({"sound": not wrong, "findings": wrong, **counts}))
        else:
            told = ", ".join(f"{name} {value}" for name, value in counts.items() if value is not None)
            self.stdout.write(f"{'sound' if not wrong else f'{wrong} findings'}: {told}")
        if wrong:
            raise SystemExit(WRONG)


def _tenant(slug: str | None) -> Tenant | None:
    if slug is None:
        return None
    with context.within(context.PLATFORM), transaction.atomic():
        found = Tenant.objects.filter(slug=slug).first()
    if found is None:
        raise CommandError(f"there is no tenant {slug!r}: is DATABASE_URL the app's log-in?", returncode=UNKNOWN)
    return found


def _anchor(text: str) -> Anchor:
    try:
        return audit_chain.parse_anchor(text)
    except ValueError as error:
        raise CommandError(f"--head: {error}", returncode=UNKNOWN) from None


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        message = f"--since: {text!r} is no instant, such as 2026-11-01 or 2026-11-01T10:00:00Z"
        raise CommandError(message, returncode=UNKNOWN) from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _held(key_id: str, tenant: str | None) -> bytes | None:
    key = audit_chain.by_id(audit.keys()).get(key_id)
    return key.of_tenant(tenant) if key else None


def _given(text: str) -> KeyOf:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        raise CommandError("--key: must be hexadecimal, as --show-key prints it", returncode=UNKNOWN) from None
    return lambda _key_id, _tenant: key
