"""How much of it: the short form for every test run, the long one for a night, the small one for a mutant."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tests.chaos.checker.evidence import Limits

#: Faults of the short form, each of another mechanism, about one in three seconds.
SHORT = (
    "kill child", "drop commit reply", "redis flush", "kill worker", "drop broker reply", "kill engine", "terminate sessions",
    "redis restart", "stop child", "duplicate messages", "postgres restart", "kill web", "kill beat",
)  # fmt: skip


@dataclass(frozen=True)
class Form:
    """Seconds throughout. ``faults`` are all injected once, one after the other, then ``mixed`` at random."""

    name: str
    control: float
    faults: tuple[str, ...]
    apart: float
    mixed: float
    soak: float
    lease: float
    #: Slots due in a second, about.
    rate: float
    #: Jobs with a policy of their own for each tenant, of the seven kinds there are.
    special: int
    #: Calls of the API in a second that change something, about.
    calls: float
    limits: Limits = field(default_factory=Limits)
    settle: float = 120.0
    #: Processes of each of the two workers. What the plan keeps busy must fit into one worker: the other may be dead.
    children: int = 3

    @property
    def busy(self) -> float:
        """From the first slot to the healing."""
        return self.control + len(self.faults) * self.apart + self.mixed


#: Long enough for a machine that does ten other things: how late a slot starts is shown, not judged.
PATIENT = Limits(on_time=900.0, recovered=900.0, lease=15.0, grace=30.0, first_claim=900.0, soak_late=900.0)


def short() -> Form:
    """About two minutes with everything."""
    return Form("short", 10, SHORT, 3.5, 0, 8, 15.0, 3.5, 2, 1.0, PATIENT, 300.0)


def long(minutes: float, rate: float, kinds: tuple[str, ...], apart: float = 12.0) -> Form:
    """Each fault alone, ``apart`` seconds from one to the next, then a mix of them for what is left of ``minutes``."""
    control, soak = 30.0, 30.0
    mixed = max(0.0, minutes * 60 - control - soak - len(kinds) * apart)
    return Form("long", control, kinds, apart, mixed, soak, 30.0, rate, 6, 2.0, Limits(on_time=15.0), 420.0, 12)


def directed(seconds: float) -> Form:
    """For a mutant: nothing by chance, one fault of its own."""
    limits = replace(Limits(), on_time=4.5, recovered=20.0, lease=5.0, grace=8.0)
    return Form("directed", seconds, (), 0, 0, 0, 5.0, 0, 0, 0, limits, 20.0)
