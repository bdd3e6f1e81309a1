"""The names of what is measured, which tables, ratios and the comparison with former runs go by."""

RATE = "no-op executions"
COST = "processor time of one no-op execution"
DELAY = "request to start"
ANSWER = "the API's answer to a request"
LATE = "slot to start"
NEW_SCHEDULE = "a new schedule takes effect"
NEIGHBOUR = "wait of a small tenant's run"
RECOVERY = "wait of a live run beside a recovery"
MEMORY = "memory"
STOP = "SIGTERM to the end of a busy worker"
AGAIN = "a new worker's readiness to the next start"
SCHEDULES_STORED = "schedules stored"
NEW_SCHEDULE_STORED = "a schedule made over the API"
EDIT_SCHEDULE = "a schedule edited"
TICK = "processor time of an idle second, engine and PostgreSQL"
LOST = "attempts lost to graceful ends"


def at_once(due: int, stored: int) -> str:
    """Lateness of many slots at one instant."""
    return f"{LATE}, {due:,} at once among {stored:,} stored"
