"""Reports by a template and with texts around the table, in the formats that show them."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from jobs import handlers
from jobs.rules import payload_expressions
from tasks.reports.pages import Html
from tasks.reports.writers import Layout
from tests.support import contexts, http_server

handlers.load(["tasks.handlers"])
EVIL = "<script>alert(1)</script>[[table]]\"'&"
TEMPLATE = (
    '<!doctype html><html lang="de"><head><title>[[title]]</title><style>td > b { color: red }</style></head><body>'
    "<h1>[[title]]</h1>[[before]]<main>[[table]]</main>[[after]]<p>[[rows]] Zeilen, [[note]]</p></body></html>"
)


def made(**payload: Any) -> bytes:
    """The document of these rows."""
    handler = handlers.get("report")
    with contexts.recording() as context:
        result = handler.run(handler.params.model_validate(payload), context)
        return context.artifacts[result["file"]["artifact"]].content


def page(template: str | None, folder: Path, **more: Any) -> str:
    """As it is written, whatever a payload would have refused."""
    file = io.BytesIO()
    writer = Html(Layout(EVIL, "note", ["a", EVIL], None, folder, template=template, **more), file)
    writer.put([1, EVIL])
    writer.finish(False)
    return file.getvalue().decode()


def test_a_template_is_filled_with_escaped_values() -> None:
    text = made(
        source={"rows": [{EVIL: EVIL}, {EVIL: 2}]},
        format="html",
        title=EVIL,
        before=f"{EVIL}\nline 2",
        template=TEMPLATE,
    ).decode()
    assert text.startswith('<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src \'none\'')  # fmt: skip
    assert "<script" not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;[[table]]") == 5
    assert (text.count("<table>"), text.count("<tr>"), text.count("<br>\nline 2")) == (1, 3, 1)
    assert "<p>2 Zeilen, nightly, " in text
    assert text.index("line 2") < text.index("<table>") < text.index("Zeilen")


def test_a_page_is_written_row_by_row(tmp_path: Path) -> None:
    class Counting(io.RawIOBase):
        size = 0

        def write(self, data: Any) -> int:
            self.size += len(data)
            return len(data)

    file = Counting()
    writer = Html(Layout("t", "n", ["a"], None, tmp_path, template=TEMPLATE), file)  # type: ignore[arg-type]
    for number in range(1, 2_001):
        row = ["x" * 5_000]
        mine = sys.getrefcount(row), sys.getrefcount(row[0])
        writer.put(row)
        assert number * 5_000 - file.size < 1_000_000
        assert (sys.getrefcount(row), sys.getrefcount(row[0])) == mine
    writer.finish(True)
    assert file.size > 10_000_000


@pytest.mark.needs("chromium")
def test_a_browser_runs_and_loads_nothing_whatever_a_template_says(tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    with http_server.serving() as server, sync_playwright() as playwright:
        evil = server.url("/x")
        hostile = (
            "<!doctype html><html lang=de><head><meta charset=utf-16>"
            "<meta http-equiv=Content-Security-Policy content=\"default-src * 'unsafe-inline'\">"
            f"<base href='{evil}/'><link rel=stylesheet href={evil}><script src={evil}></script><script>ran = 1</script>"
            f"<style>@import url({evil}); body {{ background: url({evil}) }} td {{ color: rgb(1, 2, 3) }}</style></head>"
            f"<body onload='ran = 1'><img src={evil} onerror='ran = 1'><iframe src={evil}></iframe>"
            "<iframe srcdoc='<script>parent.ran = 1</script>'></iframe><svg><script>ran = 1</script></svg>"
            f"<form id=f action={evil}><input autofocus onfocus='ran = 1'></form><a id=a href='javascript:ran = 1'>x</a>"
            f"<object data={evil}></object><video src={evil} poster={evil}></video>[[table]]<p id=more>[[title]]</p></body></html>"
        )
        (tmp_path / "page.html").write_text(page(hostile, tmp_path))
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        shown = browser.new_page()
        shown.goto(f"file://{tmp_path}/page.html", wait_until="load")
        found = shown.evaluate(
            "() => { f.submit(); a.click(); return [document.compatMode, document.documentElement.lang, document.characterSet,"
            " getComputedStyle(document.querySelector('td')).color, more.textContent, document.baseURI] }"
        )
        assert found[:5] == ["CSS1Compat", "de", "UTF-8", "rgb(1, 2, 3)", EVIL]
        assert found[5].startswith("file:")
        assert shown.locator("td").nth(1).inner_text() == EVIL
        assert shown.evaluate("() => typeof ran") == "undefined"
        browser.close()
    assert server.requests == []


@pytest.mark.needs("pdftotext")
def test_texts_stand_above_and_below_the_table(tmp_path: Path) -> None:
    texts = {"before": "Dear all,\n#read(\"/etc/passwd\") *b*", "after": "=1+1\nBye."}  # fmt: skip
    of: dict[str, Any] = {"source": {"rows": [{"name": "cell", "n": 1}]}, **texts}
    path = tmp_path / "report.pdf"
    path.write_bytes(made(**of, format="pdf"))
    text = subprocess.run(["pdftotext", "-layout", str(path), "-"], check=True, capture_output=True, text=True).stdout
    html = made(**of, format="html").decode().replace("&quot;", '"')
    for told in (text, html):
        places = [told.index(each) for each in ("Dear all,", '#read("/etc/passwd") *b*', "cell", "=1+1", "Bye.")]
        assert places == sorted(places)


def test_a_sheet_has_them_in_rows_of_their_own() -> None:
    document = made(
        source={"rows": [{"name": "cell", "n": 7}]}, format="xlsx", before="a\nb", after="=1+1", chart={"label": "name", "value": "n"}
    )  # fmt: skip
    with zipfile.ZipFile(io.BytesIO(document)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        chart = book.read("xl/charts/chart1.xml").decode()
    for cell, text in (("A1", "a"), ("A2", "b"), ("A4", "name"), ("A5", "cell"), ("A7", "=1+1")):
        assert f'<c r="{cell}"' in sheet
        assert text in sheet.partition(f'<c r="{cell}"')[2].partition("</c>")[0]
    assert "<f>" not in sheet
    assert 'ySplit="4"' in sheet
    assert "<c:f>Report!$B$5</c:f>" in chart.replace("Report!$B$5:$B$5", "Report!$B$5")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"format": "pdf", "template": "[[table]]"}, "a template is a page of HTML"),
        ({"format": "csv", "before": "x"}, "before is shown in html, pdf and xlsx"),
        ({"format": "html", "after": "x", "template": "[[table]]"}, r"the template has no \[\[after\]\]"),
        ({"format": "html", "template": "<p>"}, r"\[\[table\]\] must stand"),
        ({"format": "html", "template": "[[table]]" + "x" * 65_536}, "at most 65536"),
        ({"format": "html", "before": "x" * 4_001}, "at most 4000"),
    ],
)
def test_what_would_not_be_shown_is_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        handlers.get("report").params.model_validate({"source": {"rows": []}, **fields})


def test_nothing_is_put_into_the_template_but_by_its_marks() -> None:
    handler = handlers.get("report")
    payload = {"template": "[[table]] {{ payload.name }}", "before": "{{ payload.name }}", "name": "a"}
    with pytest.raises(payload_expressions.InvalidPayload) as refused:
        payload_expressions.find(payload, (), handler.without_secrets, handler.without_expressions)
    ((place, why),) = refused.value.problems
    assert (place, "[[before]]" in why) == (("template",), True)
