"""A kind of schedule from elsewhere: the solstices, at noon or at the time that its rule names."""

from jobs.triggers import contract, wall_clock

KIND = "solstice"
NEEDS = "rule"
SCHEMA = {
    "type": "object",
    "properties": {"hour": {"type": "integer", "minimum": 0, "maximum": 23}},
    "required": ["hour"],
}
EXAMPLE = {"rule": {"hour": 12}}


class Solstices:
    """The 21st of June and of December. See wall_clock.Walls."""

    def __init__(self, hour):
        self.hour = hour

    def upward(self, start, end):
        for year in range(start.year, end.year + 1):
            for month in (6, 12):
                wall = start.replace(year=year, month=month, day=21, hour=self.hour, minute=0, second=0)
                if start <= wall < end:
                    yield wall

    def downward(self, start, end):
        yield from reversed([wall for wall in self.upward(end, start.replace(year=start.year + 1)) if wall <= start])

    def count(self, start, end):
        return sum(1 for _ in self.upward(start, end))


def build(spec):
    contract.refuse_others(spec, KIND, needs=NEEDS)
    hour = spec.rule.get("hour")
    if not isinstance(hour, int) or not 0 <= hour <= 23:
        raise contract.InvalidSchedule("rule.hour", "must be 0 to 23")
    return wall_clock.of(spec, Solstices(hour))
