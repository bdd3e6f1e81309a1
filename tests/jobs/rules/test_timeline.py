"""What a stream tells is the same whenever it is read, and however often it is cut."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest

from jobs.rules import timeline
from jobs.rules.states import TERMINAL, State
from jobs.rules.timeline import Facts, Place, Told, Try

EXECUTION = UUID("01900000-0000-7000-8000-000000000000")
NOW = datetime(2027, 1, 1, tzinfo=UTC)
WAITING = Facts(
    state=State.SCHEDULED, attempt=1, epoch=0, was_held=False, reason="", scheduled_for=None, created_at=NOW,
    ripened_at=None, queued_at=None, finished_at=None, error_code="", error_message="", error_fingerprint="",
)  # fmt: skip


class Life:
    """An execution as the engine moves it, with all that could be read of it after each move."""

    def __init__(self, random: Random) -> None:
        self.random, self.facts, self.lines, self.minutes = random, WAITING, [], 0
        self.moments: list[tuple[Facts, list[dict[str, Any]]]] = []
        self.note()

    def note(self) -> None:
        self.moments.append((self.facts, [*self.lines]))

    def now(self) -> datetime:
        self.minutes += 1
        return NOW + timedelta(minutes=self.minutes)

    def becomes(self, **columns: Any) -> None:
        self.facts = replace(self.facts, **columns)
        self.note()

    def live(self, tries: int) -> list[tuple[Facts, list[dict[str, Any]]]]:
        for _ in range(tries):
            if self.facts.state == State.SCHEDULED:
                self.becomes(state=State.PENDING, ripened_at=self.facts.ripened_at or self.now())
            self.becomes(state=State.QUEUED, queued_at=self.now())
            if self.random.random() < 0.2:
                self.ends(State.CANCELLED)
                return self.moments
            self.claim()
            self.back()
        self.becomes(state=State.PENDING)
        self.becomes(state=State.QUEUED, queued_at=self.now())
        self.claim()
        self.ends(self.random.choice([State.SUCCEEDED, State.FAILED]))
        return self.moments

    def claim(self) -> None:
        f = self.facts
        tried = Try(
            epoch=f.epoch + 1, number=f.attempt, state="running", worker="w", queued_at=f.queued_at, started_at=self.now(),
            finished_at=None, error_code="", error_message="", went_back=None, again_at=None,
        )  # fmt: skip
        self.becomes(state=State.RUNNING, epoch=f.epoch + 1, was_held=True, tries=(*f.tries, tried))
        for _ in range(self.random.randrange(4)):
            self.log()
            self.note()

    def log(self) -> None:
        self.lines.append({"epoch": self.facts.epoch, "seq": len(self.lines) + 1, "message": "m"})

    def back(self) -> None:
        kind, state, step = self.random.choice(
            [
                ("retried", State.SCHEDULED, 1),
                ("released", State.PENDING, 0),
                ("deferred", State.SCHEDULED, 0),
                ("suspended", State.BLOCKED, 0),
            ]
        )
        self.log()  # the tail, in the same statement
        closed = replace(
            self.facts.tries[-1], state=kind, finished_at=self.now(), went_back=f"execution.{kind}", again_at=NOW.isoformat(),
            error_code="TIMEOUT" if step else "",
        )  # fmt: skip
        self.becomes(
            state=state, attempt=self.facts.attempt + step, was_held=False, queued_at=None, tries=(*self.facts.tries[:-1], closed)
        )  # fmt: skip

    def ends(self, state: State) -> None:
        if self.facts.was_held:
            closed = replace(self.facts.tries[-1], state=str(state), finished_at=self.now())
            self.facts = replace(self.facts, tries=(*self.facts.tries[:-1], closed))
            self.log()
        self.becomes(state=state, finished_at=self.now())


def read(moment: tuple[Facts, list[dict[str, Any]]], place: Place, most: int = 10**6) -> list[Told]:
    """As the statements read it: tries from the place's epoch on, lines after its last, at most so many."""
    facts, lines = moment
    facts = replace(facts, tries=tuple(each for each in facts.tries if each.epoch >= place.epoch))
    after = [line for line in lines if line["seq"] > place.seq]
    return [*timeline.tell(facts, after[:most], place, all_lines=len(after) <= most)]


def told(moments: list[Any], *, most: int = 10**6, cut: Random | None = None) -> list[Told]:
    """All that is told by reading at these moments, the last as often as it takes; ``cut``: some of it is lost on the way."""
    found: list[Told] = []
    place = Place()
    for moment in [*moments, *moments[-1:] * 50]:
        news = read(moment, place, most)
        if cut is not None:
            news = news[: cut.randrange(len(news) + 1)]
        found += news
        place = timeline.parse(EXECUTION, timeline.cursor(EXECUTION, news[-1].place)) if news else place
    return found


@pytest.mark.parametrize("seed", range(150))
def test_cut_anywhere_and_read_at_any_moments_it_tells_the_same(seed):
    random = Random(seed)
    moments = Life(random).live(random.randrange(4))
    whole = told(moments)
    assert [each.name for each in whole].count("end") == 1
    assert whole[-1].name == "end"
    assert [each.data["seq"] for each in whole if each.name == "log"] == [*range(1, len(moments[-1][1]) + 1)]
    for _ in range(3):
        some = [moment for moment in moments if random.random() < 0.5] + moments[-1:]
        assert told(some, cut=random) == whole
        assert told(some, most=1 + random.randrange(3), cut=random) == whole


def test_a_run_with_a_retry_is_told_step_by_step():
    random = Random(3)
    life = Life(random)
    life.becomes(state=State.PENDING, ripened_at=life.now())
    life.becomes(state=State.QUEUED, queued_at=life.now())
    life.claim()
    random.choice = lambda choices: choices[0]
    life.back()
    life.becomes(state=State.PENDING)
    life.becomes(state=State.QUEUED, queued_at=life.now())
    life.claim()
    life.ends(State.SUCCEEDED)
    states = [each.data for each in told(life.moments) if each.name == "state"]
    assert [each["state"] for each in states] == [
        "scheduled", "pending", "queued", "running", "scheduled", "queued", "running", "succeeded",
    ]  # fmt: skip
    assert [each["attempt"] for each in states] == [1, 1, 1, 1, 1, 2, 2, 2]
    assert states[4]["error"]["code"] == "TIMEOUT"
    assert states[4]["again_at"] == "2027-01-01T00:00:00Z"


def test_one_that_was_skipped_never_waited_for_capacity():
    skipped = replace(WAITING, state=State.SKIPPED, reason="OVERLAP", ripened_at=NOW, finished_at=NOW)
    states = [each.data for each in timeline.tell(skipped, [], Place(), all_lines=True) if each.name == "state"]
    assert [(each["state"], each.get("reason")) for each in states] == [("scheduled", None), ("skipped", "OVERLAP")]


def test_lines_stop_at_a_gap_that_is_still_to_be_filled():
    lines = [{"seq": 1}, {"seq": 2}, {"seq": 5}]
    assert timeline.in_one_piece(lines, 0) == lines[:2]
    assert timeline.in_one_piece(lines[2:], 4) == lines[2:]
    assert timeline.in_one_piece(lines[2:], 2) == []


def test_the_end_is_a_place_of_its_own():
    ended = [*timeline.tell(replace(WAITING, state=State.CANCELLED, finished_at=NOW), [], Place(), all_lines=True)]
    assert ended[-1].place.is_end
    assert not ended[-2].place.is_end
    assert State.CANCELLED in TERMINAL


@pytest.mark.parametrize(
    "text",
    ["", "1", "1-2", "-1-2-00000000", "1-2-zzzzzzzz", "01-2-00000000", "1-2-00000000", "9" * 400, "1-2-00000000\n", "a\0b", "\u0661-2-00000000"],
)  # fmt: skip
def test_what_is_no_id_of_an_event_is_refused(text):
    with pytest.raises(ValueError, match="not an id"):
        timeline.parse(EXECUTION, text)


def test_an_altered_or_foreign_id_is_refused():
    good = timeline.cursor(EXECUTION, Place(12, 34))
    assert timeline.parse(EXECUTION, good) == Place(12, 34)
    for wrong in (
        good.replace("12", "13"),
        good.replace("34", "35"),
        good.upper() + "A",
        timeline.cursor(uuid4(), Place(12, 34)),
    ):
        with pytest.raises(ValueError, match="not an id"):
            timeline.parse(EXECUTION, wrong)
