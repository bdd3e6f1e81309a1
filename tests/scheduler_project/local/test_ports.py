from __future__ import annotations

import socket

import pytest

from scheduler_project.local import ports


def test_first_free_candidate_is_taken() -> None:
    with ports.bind(0) as taken:
        taken.listen()
        wanted = ports.free()
        assert ports.free(ports.number(taken), wanted) == wanted


def test_any_port_does_when_all_candidates_are_taken() -> None:
    with ports.bind(0) as taken:
        taken.listen()
        assert ports.free(ports.number(taken)) != ports.number(taken)


def test_taken_port_is_not_bound_twice() -> None:
    with ports.bind(0) as taken:
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            ports.bind(ports.number(taken))


def test_connections_are_not_held_back_to_fill_packets() -> None:
    with ports.listen(ports.bind(0)) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
