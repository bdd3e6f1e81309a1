"""Many rows at once."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.support import rows


def executions(of: Any, count: int, state: str, **columns: Any) -> list[UUID]:
    """Executions that differ in nothing but their id."""
    template = rows.execution(of, state, **columns)
    copied = [row[0] for row in rows.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'execution'::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'id'"
    )]  # fmt: skip
    names = ", ".join(copied)
    rows.change(
        f"""INSERT INTO execution (id, {names})
            SELECT carillon_child_id(id, n::text), {names} FROM execution, generate_series(2, %s) n WHERE id = %s""",
        count, template,
    )  # fmt: skip
    return [row[0] for row in rows.fetch("SELECT id FROM execution WHERE job_id = %s AND state = %s", of[0], state)]
