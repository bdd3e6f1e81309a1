"""What uses more than it may is ended, all of it, and by the limit's name."""

from __future__ import annotations

import pytest

from tasks.sandbox import process
from tasks.sandbox.limits import MIB, Limits
from tasks.sandbox.process import Command, Ending
from tests.support.processes import marked
from tests.tasks.sandbox.commands import Heard, mark, sh

SPENDERS = {
    "processes": ("i=0; while [ $i -lt 60 ]; do sleep 60 & i=$((i+1)); done; wait", Limits(processes=30)),
    "memory": (
        "for i in 1 2 3; do python3 -c 'import time; b = b\"x\" * (60 << 20); time.sleep(60)' & done; wait",
        Limits(memory_bytes=128 * MIB),
    ),
    "cpu_seconds": ("for i in 1 2; do (while :; do :; done) & done; wait", Limits(cpu_seconds=1)),
    "disk": ("i=0; while :; do head -c 1000000 /dev/zero > f$i; i=$((i+1)); done", Limits(disk_bytes=20 * MIB)),
}
HIDERS = {
    "many empty files": ("mkdir d; cd d; i=0; while :; do : > f$i; i=$((i+1)); done", MIB),
    "deep folders": ("while mkdir d && cd d; do :; done; sleep 60", 100 * MIB),
    "closed folder": ("mkdir d; cd d; for f in a b; do head -c 9000000 /dev/zero > $f; done; chmod 0 .; sleep 60", 10 * MIB),
    "files without a name": (
        "exec 5>f; exec 6>g; rm f g; head -c 9000000 /dev/zero >&5; head -c 9000000 /dev/zero >&6; sleep 60",
        10 * MIB,
    ),
}  # fmt: skip


#: What the leash watches is the same at both levels.
own_level = pytest.mark.parametrize("wrapper", ["own level"], indirect=True)


@pytest.mark.parametrize("limit", SPENDERS)
def test_command_is_ended_by_the_name_of_its_limit(command: Command, limit: str) -> None:
    script, limits = SPENDERS[limit]
    assert process.run(sh(command, script, limits=limits), Heard()) == Ending(limit=limit)
    assert marked(mark(command)) == []


@own_level
@pytest.mark.parametrize("hider", HIDERS)
def test_disk_is_counted_wherever_it_is_hidden(command: Command, hider: str) -> None:
    script, most = HIDERS[hider]
    assert process.run(sh(command, script, limits=Limits(disk_bytes=most)), Heard()) == Ending(limit="disk")


@own_level
def test_time_of_children_that_nobody_waits_for_counts(command: Command) -> None:
    spend = "import os, signal\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\nwhile True:\n if os.fork() == 0:\n  for i in range(10**7): pass\n  os._exit(0)\n try: os.wait()\n except OSError: pass"
    (command.folder / "spend.py").write_text(spend)
    assert process.run(sh(command, "python3 spend.py", limits=Limits(cpu_seconds=1)), Heard()) == Ending(
        limit="cpu_seconds"
    )


@own_level
def test_memory_that_forks_share_counts_once(command: Command) -> None:
    share = "import os, time\nb = b'x' * (80 << 20)\nfor i in range(4):\n if os.fork() == 0: time.sleep(0.5); os._exit(0)\nfor i in range(4): os.wait()"
    (command.folder / "share.py").write_text(share)
    assert process.run(sh(command, "python3 share.py", limits=Limits(memory_bytes=160 * MIB)), Heard()) == Ending(
        code=0
    )


def test_one_allocation_of_too_much_is_refused(command: Command) -> None:
    heard = Heard()
    script = "python3 -c 'b = b\"x\" * (8 << 30)'"
    assert process.run(sh(command, script, limits=Limits(memory_bytes=512 * MIB)), heard) == Ending(code=1)
    assert b"MemoryError" in heard.of("stderr")
