"""A row whose partition is made while it is on its way is told to come again; a broken constraint is a defect as ever."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from tests.support import servers


@pytest.fixture
def table() -> Iterator[None]:
    """A partition that takes 0 alone, and what its table itself forbids."""
    with psycopg.connect(servers.URLS["owner"], autocommit=True) as owner:
        owner.execute("CREATE TABLE moved (a int CONSTRAINT never_seven CHECK (a <> 7)) PARTITION BY RANGE (a)")
        owner.execute("CREATE TABLE moved_0 PARTITION OF moved FOR VALUES FROM (0) TO (1)")
        owner.execute("GRANT INSERT ON moved, moved_0 TO carillon_app, carillon_engine")
        yield
        owner.execute("DROP TABLE moved")


def insert(value: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("INSERT INTO moved_0 VALUES (%s)", [value])


@pytest.mark.usefixtures("table")
def test_a_row_that_lost_its_partition_is_told_to_come_again() -> None:
    insert(0)
    with pytest.raises(OperationalError, match="partition constraint"):
        insert(1)


@pytest.mark.usefixtures("table")
def test_a_constraint_of_the_table_is_a_defect() -> None:
    with pytest.raises(IntegrityError, match="never_seven"):
        insert(7)
