"""What a ``file_system`` job can do, one function each: from a payload and places to a result."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

from jobs.handlers import Defer, Json
from tasks.files import archives, names
from tasks.files.archives import Limits
from tasks.files.contract import FILE, FOLDER, OTHER, Entry, FileProblem, Place, Unsafe
from tasks.files.local import Root
from tasks.files.work import Work, told

#: Entries that a result names; how many there are it tells in any case.
MOST_TOLD = 200


@dataclass(frozen=True)
class Job:
    """One operation with what it works on. ``wish`` is the payload."""

    wish: Any
    source: Place
    target: Place
    work: Work

    def root(self, place: Place) -> Root:
        """For what works in the tenant's own folder alone."""
        if not isinstance(place, Root):
            raise FileProblem(f"{self.wish.operation} works in the tenant's own folder: copy it there first")
        return place

    def matching(self, entries: Iterable[Entry]) -> list[Entry]:
        """Those whose name the pattern fits."""
        pattern = self.wish.pattern
        return [entry for entry in entries if pattern is None or fnmatchcase(entry.path.rpartition("/")[2], pattern)]


def _shown(entries: list[Entry]) -> dict[str, Json]:
    shown = {"entries": [told(entry) for entry in entries[:MOST_TOLD]], "count": len(entries)}
    return {**shown, "bytes": sum(entry.bytes for entry in entries), "truncated": len(entries) > MOST_TOLD}


def list_(job: Job) -> Json:
    return _shown(job.matching(_listed(job)))


def _listed(job: Job) -> list[Entry]:
    look = job.work.below if job.wish.recursive else job.work.inside
    return look(job.source, job.wish.path)


def make_folder(job: Job) -> Json:
    job.source.make_folder(job.wish.path)
    return {"path": job.wish.path}


def checksum(job: Job) -> Json:
    entry = _file(job.source, job.wish.path)
    found = job.work.digest(job.source, entry.path, job.wish.algorithm)
    if job.wish.expected is not None and job.wish.expected.lower() != found:
        raise FileProblem(f"{entry.path} has the {job.wish.algorithm} {found}, not {job.wish.expected}")
    return {"path": entry.path, "algorithm": job.wish.algorithm, "checksum": found, "bytes": entry.bytes}


def copy(job: Job) -> Json:
    return _copied(job, _pairs(job))


def _copied(job: Job, pairs: list[tuple[Entry, str]]) -> dict[str, Json]:
    wish, work = job.wish, job.work
    work.expect(sum(entry.bytes for entry, _ in pairs if entry.kind == FILE))
    sums, skipped = {}, 0
    for entry, path in pairs:
        if entry.kind == FOLDER:
            job.target.make_folder(path)
        elif entry.kind == FILE:
            sums[path] = work.copy(job.source, entry, job.target, path, overwrite=wish.overwrite, verify=wish.verify)
        else:
            skipped += 1  # links, devices and the like are nobody's files
    only = {"sha256": next(iter(sums.values()))} if len(sums) == 1 else {}
    return {"files": work.files, "bytes": work.bytes, "skipped": skipped, **only}


def _pairs(job: Job) -> list[tuple[Entry, str]]:
    """What is copied where: a file to a name or into a folder, a folder with all below it."""
    wish = job.wish
    found = job.source.entry(wish.path)
    if found is not None and found.kind == OTHER:
        raise Unsafe(f"{wish.path} is no plain file: links, devices, pipes and sockets are not copied")
    if found is not None and found.kind == FILE:
        there = job.target.entry(wish.target)
        into = wish.target == "" or (there is not None and there.kind == FOLDER)
        return [(found, names.joined(wish.target, wish.path.rpartition("/")[2]) if into else wish.target)]
    entries = job.work.below(job.source, wish.path)
    if not wish.recursive:
        raise FileProblem(f"{wish.path or 'the root'} is a folder: say recursive")
    if job.source is job.target and names.parts(wish.target)[: len(names.parts(wish.path))] == names.parts(wish.path):
        raise FileProblem("a folder cannot be copied into itself")
    fitting = {entry.path for entry in job.matching(entries)}
    kept = [entry for entry in entries if entry.kind == FOLDER or entry.path in fitting]
    return [(entry, names.joined(wish.target, _within(wish.path, entry.path))) for entry in kept]


def _within(folder: str, path: str) -> str:
    return path[len(folder) :].lstrip("/") if folder else path


def move(job: Job) -> Json:
    wish = job.wish
    if job.source is job.target:
        there = job.target.entry(wish.target)
        into = there is not None and there.kind == FOLDER
        target = names.joined(wish.target, wish.path.rpartition("/")[2]) if into else wish.target
        job.source.rename(wish.path, target, overwrite=wish.overwrite)
        return {"path": target}
    pairs = _pairs(job)
    result = _copied(job, pairs)
    for entry, _ in pairs:
        if entry.kind == FILE:
            job.source.delete(entry.path)
    folders = [wish.path] if wish.path and job.source.entry(wish.path) is not None else []
    folders += [entry.path for entry, _ in pairs if entry.kind == FOLDER]
    left = [path for path in reversed(folders) if not _is_deleted(job, path)]
    return {**result, "folders_left": len(left)}


def _is_deleted(job: Job, folder: str) -> bool:
    """Delete a folder if nothing is in it: what was not copied stays, and so does the folder around it."""
    job.work.check()
    with contextlib.suppress(FileProblem):
        if any(True for _ in job.source.entries(folder)):
            return False
        job.source.delete(folder)
    return job.source.entry(folder) is None


def delete(job: Job) -> Json:
    entries = job.work.below(job.source, job.wish.path)
    found = job.source.entry(job.wish.path)
    if found is not None and found.kind == FOLDER:
        if not job.wish.recursive:
            raise FileProblem(f"{job.wish.path or 'the root'} is a folder: say recursive")
        if job.wish.path:
            entries = [found, *entries]
    return _deleted(job, entries)


def clean_up(job: Job) -> Json:
    """Files older than an age whose name fits; folders stay."""
    before = time.time() - job.wish.older_than_seconds
    old = [entry for entry in job.matching(_listed(job)) if entry.kind == FILE and entry.modified < before]
    return _deleted(job, old)


def _deleted(job: Job, entries: list[Entry]) -> Json:
    if not job.wish.dry_run:
        for entry in reversed(entries):
            job.work.check()
            job.source.delete(entry.path)
    return {**_shown(entries), "dry_run": job.wish.dry_run}


def sync(job: Job) -> Json:
    """Make the target hold what the source holds. What is the same already is left alone, so it may be done again."""
    wish, work = job.wish, job.work
    wanted = {_within(wish.path, e.path): e for e in work.below(job.source, wish.path) if e.kind != FOLDER}
    wanted = {path: entry for path, entry in wanted.items() if entry in job.matching([entry])}
    there = {}
    if job.target.entry(wish.target) is not None:
        there = {_within(wish.target, e.path): e for e in work.below(job.target, wish.target) if e.kind == FILE}
    changed = [path for path, entry in wanted.items() if entry.kind == FILE and _differs(job, entry, there.get(path))]
    extra = sorted(job.matching(entry for path, entry in there.items() if path not in wanted), key=lambda e: e.path)
    work.expect(sum(wanted[path].bytes for path in changed))
    if not wish.dry_run:
        for path in changed:
            work.copy(
                job.source,
                wanted[path],
                job.target,
                names.joined(wish.target, path),
                overwrite=True,
                verify=wish.verify,
            )
        for entry in extra if wish.delete_extra else ():
            job.target.delete(entry.path)
    deleted = len(extra) if wish.delete_extra else 0
    unchanged = len(wanted) - len(changed)
    return {
        "copied": len(changed),
        "unchanged": unchanged,
        "deleted": deleted,
        "bytes": work.bytes,
        "dry_run": wish.dry_run,
    }


def _differs(job: Job, entry: Entry, there: Entry | None) -> bool:
    if there is None or there.bytes != entry.bytes or (there.modified < entry.modified and not job.wish.verify):
        return True
    return job.wish.verify and job.work.digest(job.source, entry.path, "sha256") != job.work.digest(
        job.target, there.path, "sha256"
    )


def compress(job: Job) -> Json:
    wish, root = job.wish, job.root(job.source)
    entries = [entry for entry in job.work.below(root, wish.path) if entry.kind == FOLDER or job.matching([entry])]
    job.work.expect(sum(entry.bytes for entry in entries))
    base = wish.path if entries != [root.entry(wish.path)] else ""
    count = archives.compress(
        root, iter(entries), base, wish.target, wish.format, overwrite=wish.overwrite, step=job.work.step
    )
    return {"path": wish.target, "entries": count, "bytes": _file(root, wish.target).bytes}


def extract(job: Job) -> Json:
    wish, root = job.wish, job.root(job.source)
    count = archives.extract(root, wish.path, wish.target, wish.format, limits=Limits(), step=job.work.step)
    return {"path": wish.target, "entries": count.entries, "bytes": job.work.bytes}


def watch_for_file(job: Job) -> Json:
    """The first file that fits and has not been written to for a while; else look again, without a worker meanwhile."""
    found = job.source.entry(job.wish.path)
    entries = [found] if found and found.kind == FILE else []
    if found is not None and found.kind == FOLDER:
        entries = job.matching(entry for entry in job.work.inside(job.source, job.wish.path) if entry.kind == FILE)
    settled = [
        e for e in entries if e.bytes >= job.wish.min_bytes and time.time() - e.modified >= job.wish.settled_seconds
    ]
    if not settled:
        if job.work.context.kept() is None:  # for the first time
            job.work.context.log(f"waiting for {_awaited(job.wish)}")
        raise Defer(timedelta(seconds=job.wish.poll_seconds), {"told": True})
    return told(min(settled, key=lambda entry: (entry.modified, entry.path)))


def _awaited(wish: Any) -> str:
    named = f"the file {wish.path}" if wish.path else "a file in the uppermost folder"
    least = f", of at least {wish.min_bytes} bytes" if wish.min_bytes else ""
    fits = f", or one in the folder of that name that fits {wish.pattern}" if wish.pattern else ""
    return f"{named}{fits}{least}, not written to for {wish.settled_seconds:g} s"


def _file(place: Place, path: str) -> Entry:
    found = place.entry(path)
    if found is None or found.kind != FILE:
        raise FileProblem(f"there is no file {path}")
    return found


OPERATIONS: Mapping[str, Callable[[Job], Json]] = {
    "list": list_,
    "copy": copy,
    "move": move,
    "delete": delete,
    "mkdir": make_folder,
    "checksum": checksum,
    "compress": compress,
    "extract": extract,
    "sync": sync,
    "clean_up": clean_up,
    "watch_for_file": watch_for_file,
}
