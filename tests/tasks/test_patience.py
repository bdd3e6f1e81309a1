"""Trying again while the database is away, and only then."""

from __future__ import annotations

import psycopg
import pytest
from django.db import DataError, InterfaceError, OperationalError, connection

from jobs.engine import leases
from tasks.patience import patiently


def failing(times, error):
    """An action that raises so many times before it answers, and the list of its calls."""
    calls = []

    def action():
        calls.append(1)
        if len(calls) <= times:
            raise error
        return "answer"

    return action, calls


@pytest.mark.parametrize("error", [OperationalError("gone"), InterfaceError("connection already closed")])
def test_action_is_tried_until_the_database_is_back(error):
    action, calls = failing(2, error)
    assert patiently(action, until=leases.boot_time() + 60) == "answer"
    assert len(calls) == 3


def test_patience_ends_at_the_given_instant():
    action, calls = failing(1000, OperationalError("gone"))
    assert patiently(action, until=leases.boot_time()) is None
    assert len(calls) == 1


def too_much():
    error = OperationalError("stack depth limit exceeded")
    error.__cause__ = psycopg.errors.StatementTooComplex()
    return error


@pytest.mark.parametrize("error", [DataError("invalid input"), too_much()])
def test_what_is_wrong_with_the_statement_is_not_tried_again(error):
    action, calls = failing(1, error)
    with pytest.raises(type(error)):
        patiently(action, until=leases.boot_time() + 60)
    assert len(calls) == 1


def test_each_try_has_a_fresh_connection():
    connections = []

    def action():
        connection.ensure_connection()
        connections.append(connection.connection)
        if len(connections) == 1:
            raise OperationalError("gone")

    patiently(action, until=leases.boot_time() + 60)
    assert connections[0] is not connections[1]
