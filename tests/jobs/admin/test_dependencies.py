"""What a job depends on, at the console: added and removed by dialogs, and looked at as a picture and a table."""

from __future__ import annotations

import re

from tests.support import console as support
from tests.support import rows
from tests.support.console import Console

BOX = re.compile(r'<a class="graph-box[^"]*" href="([^"]+)" aria-label="([^"]+)"')


def test_an_upstream_is_added_and_removed_at_the_page_of_the_job(console: Console) -> None:
    tenant = rows.tenant()
    extract, report = rows.job(tenant, name="extract"), rows.job(tenant, name="report")
    given = {"upstream": "extract", "mode": "start", "trigger_rule": "all_done", "gate_timeout_seconds": "86400"}
    back = console.pressed("jobs_job_add_upstream", report[0], **given)
    page = console.client.get(back).content.decode()
    assert "It waits for extract." in page
    assert support.url("jobs_job_change", extract[0]) in page
    assert "all_done" in page
    edge = rows.fetch("SELECT id FROM dependency WHERE downstream_id = %s", report[0])[0][0]
    assert f"{support.url('jobs_job_remove_upstream', report[0])}?dependency={edge}" in page
    assert "Runs before" in support.text_of(console.page("jobs_job_change", extract[0]))
    console.pressed("jobs_job_remove_upstream", report[0], dependency=str(edge), because="no longer")
    assert rows.fetch("SELECT 1 FROM dependency WHERE downstream_id = %s", report[0]) == []


def test_a_refusal_is_told_in_the_dialog_at_its_field(console: Console) -> None:
    tenant = rows.tenant()
    a, b = rows.job(tenant, name="a"), rows.job(tenant, name="b")
    rows.dependency(a, b)
    given = {"mode": "start", "trigger_rule": "all_success", "gate_timeout_seconds": "86400"}
    answer = console.press("jobs_job_add_upstream", a[0], upstream="b", **given)
    assert "these jobs would wait for each other: a → b → a" in answer.content.decode()
    answer = console.press("jobs_job_add_upstream", a[0], upstream="nothing", **given)
    assert list(answer.context["form"].errors) == ["upstream"]


def test_the_graph_of_a_job_is_a_picture_of_links_and_a_table(console: Console) -> None:
    tenant = rows.tenant()
    a, b, c, other = (rows.job(tenant, name=name) for name in ("a <b>", "b", "c", "other"))
    rows.dependency(a, b)
    rows.dependency(b, c, trigger_rule="one_failed", condition="upstream.b.result.ok")
    rows.execution(a, "failed")
    page = console.page("jobs_job_graph", job=str(b[0]))
    assert BOX.findall(page) == [
        (support.url("jobs_job_change", a[0]), "a &lt;b&gt;: last: failed"),
        (support.url("jobs_job_change", b[0]), "b: has not run"),
        (support.url("jobs_job_change", c[0]), "c: has not run"),
    ]
    assert page.count('class="graph-line') == 2
    assert "3 jobs in 3 layers, 2 dependencies." in page
    assert "one_failed, if upstream.b.result.ok" in support.text_of(page)
    assert str(other[0]) not in page


def test_the_graph_of_a_tenant_shows_all_and_without_edges_says_how_they_come(console: Console) -> None:
    tenant = rows.tenant()
    of_tenant = Console(support.member(tenant))
    assert "No job depends on another" in of_tenant.page("jobs_job_graph")
    for number in range(3):
        rows.dependency(rows.job(tenant, name=f"u{number}"), rows.job(tenant, name=f"d{number}"))
    assert len(BOX.findall(of_tenant.page("jobs_job_graph"))) == 6
    lonely = rows.job(tenant)
    assert "depends on no job" in of_tenant.page("jobs_job_graph", job=str(lonely[0]))
    assert "Choose a tenant" in console.page("jobs_job_graph")


def test_what_is_too_much_for_a_picture_is_a_table(console: Console) -> None:
    tenant = rows.tenant()
    root = rows.job(tenant)
    for _ in range(401):
        rows.dependency(root, rows.job(tenant))
    page = console.page("jobs_job_graph", job=str(root[0]))
    assert "too many for a picture" in page
    assert (BOX.findall(page), page.count("all_success")) == ([], 401)
