"""What has waited long rises by steps of priority within its tenant, so that no flood of higher ones starves it for ever.

The rule is its queue's ``ageing_seconds``; admission knows nothing of it, since the raised priority stands in the row.
"""

from __future__ import annotations

from jobs import sql

#: Rows that rise in one look, and caps whose parked ones are looked at in it.
MOST = 500
PAGE = 500
#: Rows of each priority that are read in one look, over all lines together; but five of each line anyhow, a hundred at most.
READ = 5000


def raise_all() -> int:
    """Look at every line once. Returns how many rose."""
    raised = 0
    after: str | None = ""
    while after is not None:
        page = sql.run("raise_waiting", after=after, page=PAGE, limit=MOST, most=READ)[0]
        raised, after = raised + page.raised, page.last
    return raised
