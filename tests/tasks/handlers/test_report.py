"""The ``report`` job type: documents that other programs open, and cells that are never more than a text."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from pydantic import ValidationError

from jobs import handlers
from jobs.handlers import HandlerError
from jobs.rules.codes import Failure
from tasks.reports import cells
from tests.support import contexts, databases, mailbox

handlers.load(["tasks.handlers"])
FORMULAS = [
    "=1+1", "+1+1", "-1+1", "@SUM(1)", "=cmd|' /C calc'!A0", "\t=1+1", "\r=1+1", " =1+1", "=HYPERLINK(\"http://evil\")",
    "http://evil.example", "mailto:x@y.example", "{=1+1}", "=WEBSERVICE(\"http://evil\")", "\uff1d1+1", "1e5", "0123",
]  # fmt: skip


def made(revealed: Any = None, **payload: Any) -> tuple[Any, bytes]:
    """The result, and the document."""
    handler = handlers.get("report")
    with contexts.recording(["127.0.0.1"], revealed=revealed or {}) as context:
        result = handler.run(handler.params.model_validate(payload), context)
        return json.loads(json.dumps(result)), context.artifacts[result["file"]["artifact"]].content


def of(*values: Any) -> dict[str, Any]:
    return {"rows": [{"a": value} for value in values]}


@pytest.mark.needs("soffice")
def test_a_spreadsheet_opens_and_what_looks_like_a_formula_is_a_text(tmp_path):
    values = [*FORMULAS, "ä € 漢", "x" * 40_000, 12345678901234567890, True]
    rows = [{"id": number, "text": value} for number, value in enumerate(values)]
    _, document = made(source={"rows": rows}, format="xlsx", chart={"label": "text", "value": "id"})
    (tmp_path / "report.xlsx").write_bytes(document)
    subprocess.run(
        ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", "--convert-to",
         "csv:Text - txt - csv (StarCalc):44,34,76,1", "--outdir", str(tmp_path), str(tmp_path / "report.xlsx")],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    heads, *found = csv.reader(io.StringIO((tmp_path / "report.csv").read_text(), newline=""))
    assert heads == ["id", "text"]
    assert [row[0] for row in found] == [str(number) for number in range(len(values))]
    told = [row[1] for row in found]
    assert [text.replace("\r", "\n") for text in told[: len(FORMULAS)]] == [
        text.replace("\r", "\n") for text in FORMULAS
    ]
    assert told[len(FORMULAS) :] == ["ä € 漢", "x" * 32_766 + "…", "12345678901234567890", "TRUE"]


def test_a_spreadsheet_holds_no_formula_and_no_link():
    import zipfile

    _, document = made(source=of(*FORMULAS), format="xlsx")
    with zipfile.ZipFile(io.BytesIO(document)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        assert "<f>" not in sheet
        assert "<hyperlink" not in sheet.lower()
        assert sheet.count('t="inlineStr"') == len(FORMULAS) + 1
        assert not any("externalLink" in name or name.endswith("sheet1.xml.rels") for name in book.namelist())


def test_csv_neutralises_what_a_spreadsheet_would_compute():
    _, document = made(source=of(*FORMULAS), format="csv")
    found = [row[0] for row in csv.reader(io.StringIO(document.decode(), newline=""))][1:]
    assert [text for text in found if text.startswith(("=", "+", "-", "@", "\t", "\r"))] == []
    assert [text.removeprefix("'") for text in found] == FORMULAS


def test_html_is_escaped_and_lets_no_script_run():
    evil = "<script>alert(1)</script>\"'&"
    _, document = made(source={"rows": [{evil: evil}]}, format="html", title=evil)
    text = document.decode()
    assert "<script" not in text
    assert text.count("&lt;script&gt;") == 4
    assert "default-src 'none'" in text


@pytest.mark.needs("pdftoppm", "pdftotext")
def test_a_pdf_opens_and_what_is_in_it_is_no_language(tmp_path):
    evil = '#read("/etc/passwd") *b* $x$ \\ #panic() @x <y> [z]'
    rows = [{"region": evil if number == 1 else f"Region {number}", "total": number * 3} for number in range(40)]
    result, document = made(
        source={"rows": rows}, title=f"Sales {evil}", chart={"label": "region", "value": "total"}, max_rows=30,
        columns=[{"name": "total", "title": "Total of it"}, {"name": "region"}],
    )  # fmt: skip
    path = tmp_path / "report.pdf"
    path.write_bytes(document)
    text = subprocess.run(["pdftotext", "-layout", str(path), "-"], check=True, capture_output=True, text=True).stdout
    assert evil in text
    assert "Total of it" in text
    assert "There are more rows." in text
    assert (result["rows"], result["truncated"]) == (30, True)
    subprocess.run(["pdftoppm", "-png", "-r", "60", str(path), str(tmp_path / "page")], check=True)
    assert len(list(tmp_path.glob("page*.png"))) >= 1


def test_rows_of_a_query_keep_their_types_and_the_server_refuses_to_write():
    query = (
        "SELECT 1 AS i, 1.5::numeric AS d, DATE '2026-01-31' AS day, TIMESTAMPTZ '2026-01-31 10:00+02' AS at, NULL AS n"
    )
    for form in ("csv", "xlsx", "html", "pdf"):
        source = {"connection": "shop", "query": query}
        result, document = made({"shop": databases.postgresql()}, source=source, format=form)
        assert (result["rows"], result["truncated"]) == (1, False)
        assert result["file"]["bytes"] == len(document)
        if form == "html":
            assert b'<td class="n">1</td><td class="n">1.5</td><td>2026-01-31</td>' in document
        if form == "csv":
            assert document.decode().splitlines()[1] == "1,1.5,2026-01-31,2026-01-31T08:00:00+00:00,"
    source = {"connection": "shop", "query": "WITH x AS (DELETE FROM pg_class RETURNING 1) SELECT 1"}
    with pytest.raises(HandlerError):
        made({"shop": databases.postgresql()}, source=source, format="csv")


def test_numbers_and_times_of_a_sheet_are_what_they_were(tmp_path):
    from tasks.reports.spreadsheets import Xlsx
    from tasks.reports.writers import Layout

    values = [Decimal("1.50"), Decimal("1234567890123456.7"), float("nan"), date(2026, 1, 31), datetime(2026, 1, 31, tzinfo=UTC), date(1, 1, 1), b"x", {"k": [1]}]  # fmt: skip
    file = io.BytesIO()
    writer = Xlsx(Layout("t", "n", [str(place) for place in range(len(values))], None, tmp_path), file)
    writer.put(values)
    writer.finish(False)
    import zipfile

    sheet = zipfile.ZipFile(file).read("xl/worksheets/sheet1.xml").decode()
    assert "<v>1.5</v>" in sheet
    for text in ("1234567890123456.7", "nan", "0001-01-01", "eA=="):
        assert f">{text}</t>" in sheet
    assert "<v>46053</v>" in sheet
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "kind", "content"),
    [
        ("rows.ndjson", "application/x-ndjson", b'{"a": "x", "b": 1}\n{"a": "y"}\n'),
        ("rows.csv", "text/csv; charset=utf-8", b"a,b\r\nx,1\r\ny\r\n"),
    ],
)
def test_an_artifact_of_an_upstream_is_a_source(name, kind, content):
    handler = handlers.get("report")
    with contexts.recording() as context:
        with context.artifact(name, content_type=kind) as file:
            file.write(content)
        source = {"artifact": dict(file.reference), "execution": str(context.execution_id)}
        params = handler.params.model_validate({"source": source, "format": "csv"})
        assert handler.run(params, context)["rows"] == 2
        assert context.artifacts["report.csv"].content == b"a,b\r\nx,1\r\ny,\r\n"


def test_nothing_is_a_report_too():
    for form in ("pdf", "xlsx", "csv", "html"):
        assert made(source={"rows": []}, format=form)[0]["rows"] == 0


def test_it_is_mailed_as_an_attachment():
    with mailbox.serving() as box:
        fields = {
            "kind": "smtp", "host": "127.0.0.1", "port": settings.EMAIL_PORT, "security": "off", "sender": "a@b.example",
        }  # fmt: skip
        mail = {"connection": "post", "to": ["ops@example.com"], "subject": "Sales", "message": "See the file."}
        result, document = made({"post": fields}, source=of(1, 2), format="xlsx", mail=mail)
    (received,) = box.mails
    (attached,) = received.iter_attachments()
    assert (received["Subject"], received["To"], result["sent_to"]) == ("Sales", "ops@example.com", 1)
    assert (attached.get_filename(), attached.get_content()) == ("report.xlsx", document)


def test_what_is_too_much_for_a_pdf_is_refused():
    rows = [{str(place): "x" for place in range(15)} for _ in range(1500)]
    with pytest.raises(HandlerError, match="too much for a PDF") as failed:
        made(source={"rows": rows}, format="pdf")
    assert failed.value.code == Failure.RESOURCE_LIMIT
    with pytest.raises(HandlerError, match="there is no column z; there are a"):
        made(source=of(1), columns=[{"name": "z"}], format="csv")


def test_nothing_is_put_into_the_query():
    from jobs.rules import payload_expressions

    handler = handlers.get("report")
    payload = {"source": {"connection": "x", "query": "SELECT {{ payload.a }}", "params": {"a": "{{ payload.a }}"}}}
    with pytest.raises(payload_expressions.InvalidPayload) as refused:
        payload_expressions.find(payload, (), handler.without_secrets, handler.without_expressions)
    ((place, why),) = refused.value.problems
    assert (place, "write :name in the SQL" in why) == (("source", "query"), True)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({}, "one of them"),
        ({"query": "SELECT 1"}, "a query needs a connection"),
        ({"connection": "x", "query": "DELETE FROM x"}, "may write"),
        ({"rows": [], "query": "SELECT 1", "connection": "x"}, "one of them"),
        ({"artifact": {}}, "id of its execution"),
    ],
)
def test_a_wrong_source_is_told(source, message):
    with pytest.raises(ValidationError, match=message):
        handlers.get("report").params.model_validate({"source": source})


@pytest.mark.parametrize(
    ("value", "is_right"),
    [(7, True), (-1.5, True), (Decimal("1.50"), True), ("12.50", True), ("-3", True), (True, False), ("007", False), ("1e5", False), ("", False), (None, False), ("2026-01-31", False)],
)  # fmt: skip
def test_numbers_stand_on_the_right(value, is_right):
    assert cells.is_number(value) is is_right


@pytest.mark.needs("pdftotext")
def test_a_column_of_numbers_ends_at_one_line_of_a_pdf(tmp_path):
    rows = [
        {"region": "North", "total": 77},
        {"region": "South", "total": 1_000_000},
        {"region": "West", "total": None},
    ]
    _, document = made(source={"rows": rows}, format="pdf")
    (tmp_path / "report.pdf").write_bytes(document)
    told = subprocess.run(
        ["pdftotext", "-bbox", str(tmp_path / "report.pdf"), "-"], check=True, capture_output=True, text=True
    )
    ends = {
        text: round(float(end), 1)
        for end, text in re.findall(r'xMax="([0-9.]+)" yMax="[0-9.]+">([^<]+)</word>', told.stdout)
    }
    assert ends["77"] == ends["1000000"] == ends["total"]
    assert ends["North"] != ends["South"]
