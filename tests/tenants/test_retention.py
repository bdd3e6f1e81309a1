"""Log-ins that are over leave nothing behind for ever."""

from __future__ import annotations

from typing import Any

import pytest

from tenants import retention
from tests.support import people, rows


@pytest.mark.usefixtures("as_engine", "empty_database")
def test_what_is_over_is_deleted_and_the_rest_stays() -> None:
    def left() -> list[int]:
        tables = ("login_session", "axes_accessattempt", "django_session")
        return [rows.fetch(f"SELECT count(*) FROM {table}")[0][0] for table in tables]

    rows.change("DELETE FROM django_session; DELETE FROM axes_accessattempt; DELETE FROM login_session")
    person = _person()
    for key, ends in (("old", "-1 day"), ("new", "1 day")):
        rows.change("INSERT INTO django_session VALUES (%s, '', now() + %s::interval)", key, ends)
        rows.change(
            """INSERT INTO axes_accessattempt (user_agent, username, http_accept, path_info, attempt_time, get_data, post_data, failures_since_start)
               VALUES (%s, 'x', '', '', now() + %s::interval, '', '', 1)""", key, ends,
        )  # fmt: skip
        rows.change(
            """INSERT INTO login_session (id, person_id, current, auth_hash, user_agent, created_at, refreshed_at, expires_at)
               VALUES (gen_random_uuid(), %s, '', '', '', now(), now(), now() + 8 * %s::interval)""", person, ends,
        )  # fmt: skip
    assert left() == [2, 2, 2]
    assert retention.prune() == 3
    assert left() == [1, 1, 1]
    assert retention.prune() == 0


def _person() -> Any:
    email = f"{people.address()}@example.com"
    rows.change(
        """INSERT INTO person (id, email, name, password, is_superuser, is_staff, is_active, is_auditor, created_at)
           VALUES (gen_random_uuid(), %s, '', '', false, false, true, false, now())""",
        email,
    )
    return rows.fetch("SELECT id FROM person WHERE email = %s", email)[0][0]
