"""Rows on their way into Parquet are not gathered without bound."""

from __future__ import annotations

import io
from typing import Any

import pyarrow.parquet as pq
import pytest

from tasks.databases.parquet import Parquet
from tasks.databases.session import Column

MIB = 1024 * 1024


@pytest.mark.parametrize("value", [b"x" * MIB, "x" * MIB, {"a": ["x" * MIB]}])
def test_large_rows_wait_by_their_bytes_and_not_by_their_number(value: Any):
    file = io.BytesIO()
    sink = Parquet([Column("a")], file, None, database="sqlite")
    most = 0
    for _ in range(40):
        sink.write((value,))
        most = max(most, len(sink._waiting))
    assert most < 5
    assert file.tell() > 0  # groups have gone already
    sink.close()
    assert pq.read_table(io.BytesIO(file.getvalue())).num_rows == 40
