"""A download is sent part by part, under an asynchronous server too."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from tenants.api.streaming import Download


def test_each_part_is_made_when_the_one_before_it_was_sent():
    made: list[int] = []

    def parts() -> Iterator[bytes]:
        for number in range(3):
            made.append(number)
            yield b"%d" % number

    async def served() -> list[tuple[bytes, int]]:
        return [(part, len(made)) async for part in Download(parts(), name="x.csv", content_type="text/csv")]

    assert asyncio.run(served()) == [(b"0", 1), (b"1", 2), (b"2", 3)]


def test_a_download_is_a_file_and_nothing_a_browser_would_guess_at():
    answer = Download(iter([b"x"]), name="x.csv", content_type="text/csv")
    assert answer["Content-Disposition"] == 'attachment; filename="x.csv"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert b"".join(answer) == b"x"
