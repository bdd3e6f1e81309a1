"""SQL databases of tenants: log in behind the egress guard, with limits that nothing in the session can lift.

    with databases.session(context, context.connection("warehouse")) as session:
        with session.transaction(read_only=True):
            for row in session.stream("SELECT id, name FROM shop WHERE changed > :since", {"since": "2026-01-01"}):
                ...

Rows come as they are asked for, in constant memory, whatever the statement. Beside the session a watch (``watch.py``)
ends it at the deadline, at a cancel, and when one row is too large: over a second connection the server is told to end
the first, so that no setting of the session and no handler in its code helps. A block that is left while a statement
runs ends that statement too. Whatever goes wrong is a :class:`jobs.handlers.HandlerError` without secrets.

A log-in that reaches files or programs of its server is refused: whoever may write a query could use them.
"""

from __future__ import annotations

from tasks.databases.session import Column, Rows, Session, session

__all__ = ["Column", "Rows", "Session", "session"]
