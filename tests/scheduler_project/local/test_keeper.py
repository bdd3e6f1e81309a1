from __future__ import annotations

from scheduler_project.local.keeper import Pause


def test_pause_doubles_up_to_half_a_minute() -> None:
    pause = Pause()
    assert [pause.after(lifetime=1) for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_pause_is_short_again_after_a_minute_of_life() -> None:
    pause = Pause()
    assert [pause.after(lifetime) for lifetime in (1, 1, 60, 1)] == [0.5, 1, 0.5, 1]
