"""What pip has installed for scripts, once for each list of requirements of a tenant, and kept.

    <cache>/<tenant>/<hash>/        an environment, complete: it gets this name when pip has succeeded
    <cache>/<tenant>/<hash>.lock    held by who installs (alone) and by who uses it (together)
    <cache>/<tenant>/<random>.new/  one in the making, never used

Pip runs in a sandbox as scripts do, with nothing but the proxy to reach an index through, and the tenant's own
environment to write in; scripts find it read-only. So what a package does while it is installed it does to its
own tenant.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from jobs.handlers import Cancelled, Context, HandlerError, PermanentFailure
from jobs.rules.codes import Failure
from tasks.egress import Guard
from tasks.sandbox import accounts, output, process, removal
from tasks.sandbox.bubble import Mount
from tasks.sandbox.limits import MIB, Limits
from tasks.sandbox.probe import Standing
from tasks.scripts import proxy

#: Where a script finds them.
PLACE = "/requirements"
UNUSED_SECONDS = 30 * 86_400.0
LOOK_SECONDS = 0.1
NEW = ".new"
INSTALL = f"""
set -e
python3 -m venv --without-pip --symlinks {PLACE}
exec python3 -m pip --python {PLACE}/bin/python install --no-input --disable-pip-version-check --no-cache-dir \
    --progress-bar off --requirement requirements.txt
"""


@contextlib.contextmanager
def installed(
    wanted: Sequence[str], context: Context, standing: Standing, account: accounts.Account | None
) -> Iterator[Path]:
    """The folder of these requirements, installed by now; for the length of the block nobody sweeps it away."""
    if standing.wrapper is None:
        raise PermanentFailure(
            f"requirements are installed at the sandbox level 'full' only, and this worker declares {standing.level!r}",
            code=Failure.CONFIG_INVALID,
        )
    place = _home(context.tenant) / key(wanted)
    with _locked(place, lambda: _still(context)) as lock:
        if not place.is_dir():
            _install(wanted, place, context, standing, account)
            sweep(busy=place)
        os.utime(place)
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield place


def key(wanted: Sequence[str]) -> str:
    """One for all that would be installed the same here."""
    facts = [sorted(wanted), settings.PIP_INDEX, os.uname().machine]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def root() -> Path:
    """The cache, made if it is missing. Others may go through it and not look around."""
    path = Path(settings.REQUIREMENTS_CACHE or Path(tempfile.gettempdir()) / f"carillon-requirements-{os.geteuid()}")
    path.mkdir(mode=0o711, parents=True, exist_ok=True)
    found = path.lstat()
    if path.is_symlink() or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise PermanentFailure(
            f"{path} is not this worker's own: name another folder in CARILLON_REQUIREMENTS_CACHE",
            code=Failure.CONFIG_INVALID,
        )
    return path.resolve()


def _home(tenant: str) -> Path:
    home = root() / tenant
    home.mkdir(mode=0o711, exist_ok=True)
    return home


def _still(context: Context) -> None:
    if context.cancelled:
        raise Cancelled


@contextlib.contextmanager
def _locked(place: Path, check: Callable[[], None]) -> Iterator[int]:
    """Alone, after whoever else installs or uses the same; a process that dies lets go."""
    fd = os.open(f"{place}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            check()
            is_there = place.is_dir()
            with contextlib.suppress(BlockingIOError):
                # Once it is there, all may use it together.
                fcntl.flock(fd, (fcntl.LOCK_SH if is_there else fcntl.LOCK_EX) | fcntl.LOCK_NB)
                if place.is_dir() or not is_there:
                    break
                fcntl.flock(fd, fcntl.LOCK_UN)  # swept away between the two
            time.sleep(LOOK_SECONDS)
        yield fd
    finally:
        os.close(fd)


def _install(
    wanted: Sequence[str],
    place: Path,
    context: Context,
    standing: Standing,
    account: accounts.Account | None,
) -> None:
    new = Path(tempfile.mkdtemp(suffix=NEW, dir=place.parent))
    try:
        context.log(f"installing {len(wanted)} requirements")
        (new / "requirements.txt").write_text("".join(f"{line}\n" for line in wanted))
        accounts.hand_over(new, account)
        _run(new, context, standing, account)
        new.chmod(0o755)
        new.rename(place)
    finally:
        removal.remove(new)


def _run(new: Path, context: Context, standing: Standing, account: accounts.Account | None) -> None:
    printed = output.Output(context)
    env = {"PATH": process.PATH, "HOME": "/tmp", "LANG": "C.UTF-8"} | _index()  # noqa: S108 - the sandbox's
    env |= {name: value for name, value in proxy.ENVIRONMENT.items() if name.lower() != "no_proxy"}
    try:
        with proxy.serving(_guard(context), lambda message: context.log(message, level="warning")) as gate:
            command = process.Command(
                argv=["/bin/sh", "-c", INSTALL],
                folder=new,
                env=env,
                account=account,
                wrapper=standing.wrapper,
                limits=Limits(disk_bytes=settings.REQUIREMENTS_CACHE_MB * MIB),
                mounts=[Mount(new, PLACE, writable=True)],
                gate=gate,
                label=str(context.execution_id),
            )
            ending = process.run(command, printed.feed, lambda: _still(context))
    finally:
        printed.close()
    if ending.limit is not None:
        raise HandlerError(f"limit exceeded: {ending.limit}, by the requirements", code=Failure.RESOURCE_LIMIT)
    if ending.code != 0:
        why = ending.error or f"pip ended with exit code {ending.code}, see the log"
        raise HandlerError(f"the requirements could not be installed: {why}", tags={"requirements"})


def _index() -> dict[str, str]:
    if not settings.PIP_INDEX:
        return {}
    named = {"PIP_INDEX_URL": settings.PIP_INDEX}
    # The operator has named it: pip is not to ask for more.
    return named | (
        {"PIP_TRUSTED_HOST": urlsplit(settings.PIP_INDEX).netloc} if settings.PIP_INDEX.startswith("http:") else {}
    )


def _guard(context: Context) -> Guard:
    """What the tenant's calls may reach, and the index."""
    index = urlsplit(settings.PIP_INDEX)
    port = index.port or (80 if index.scheme == "http" else 443)
    return Guard([*context.allowed_hosts, *([f"{index.hostname}:{port}"] if index.hostname else [])])


def sweep(*, busy: Path | None = None) -> None:
    """Remove what nobody has used for long, then the longest unused until the rest has room; and what was left half."""
    known = sorted(((path.stat().st_mtime, path) for path in root().glob("*/*") if path.is_dir()), reverse=True)
    used = 0
    for used_at, path in known:
        if path.suffix == NEW:
            if time.time() - used_at > 86_400:
                removal.remove(path)
            continue
        used += _size(path)
        if path != busy and (used > settings.REQUIREMENTS_CACHE_MB * MIB or time.time() - used_at > UNUSED_SECONDS):
            _forget(path)


def _forget(path: Path) -> None:
    with contextlib.suppress(BlockingIOError), open(f"{path}.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        gone = path.with_suffix(f".{os.getpid()}{NEW}")
        path.rename(gone)
        removal.remove(gone)


def _size(path: Path) -> int:
    return sum(
        os.lstat(os.path.join(folder, name)).st_blocks * 512 for folder, _, names in os.walk(path) for name in names
    )
