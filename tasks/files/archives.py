"""Archives, packed and unpacked as streams. What is unpacked is counted as it comes, whatever the archive says of itself.

Refused, with nothing kept: names that lead elsewhere, links of any kind, devices, what is encrypted or sparse, a name
that comes twice, and more entries, bytes, depth or growth than :class:`Limits` allows.
"""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, BinaryIO

from tasks.files import names
from tasks.files.contract import FILE, FOLDER, Entry, FileProblem, TooMuch, Unsafe
from tasks.files.local import Root

CHUNK = 1024 * 1024
#: Headers of a tar that stand for a name: no name needs more.
_MOST_HEADER = 64 * 1024
#: Of a zip: what lists its entries, which is read whole.
_MOST_DIRECTORY = 64 * 1024 * 1024
_WINDOW = 128 * 1024 * 1024
FORMATS = ("zip", "tar.gz", "tar.zst")


@dataclass(frozen=True, slots=True)
class Limits:
    """What may come out of an archive. ``ratio`` is judged from ``free`` bytes on, since little things pack well."""

    entries: int = 100_000
    bytes: int = 50 * 1024**3
    ratio: int = 200
    free: int = 16 * 1024 * 1024


class Count:
    """What has come out so far."""

    def __init__(self, limits: Limits, packed: int) -> None:
        self._limits, self._packed = limits, packed
        self.entries = self.bytes = 0

    def entry(self) -> None:
        self.entries += 1
        if self.entries > self._limits.entries:
            raise TooMuch(f"the archive has more than {self._limits.entries} entries")

    def more(self, count: int) -> None:
        self.bytes += count
        if self.bytes > self._limits.bytes:
            raise TooMuch(f"the archive unpacks to more than {self._limits.bytes} bytes")
        if self.bytes > max(self._limits.free, self._packed * self._limits.ratio):
            raise TooMuch(
                f"the archive unpacks to more than {self._limits.ratio} times its size: it is taken for a bomb"
            )


class Unpacking(io.RawIOBase):
    """What a decompressor gives, counted: headers and padding of a tar are bytes too."""

    def __init__(self, source: Any, count: Count) -> None:
        self._source, self._count = source, count

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        data: bytes = self._source.read(CHUNK if size < 0 else min(size, CHUNK))
        self._count.more(len(data))
        return data


class Header(tarfile.TarInfo):
    """A header of a tar, whose own length is believed only up to what a name needs."""

    def _proc_member(self, file: Any) -> Any:
        if self.type not in tarfile.REGULAR_TYPES and self.size > _MOST_HEADER:
            raise Unsafe("the archive has a header that is longer than any name")
        return super()._proc_member(file)  # type: ignore[misc]


def extract(root: Root, path: str, target: str, form: str, *, limits: Limits, step: Callable[[int], None]) -> Count:
    """Unpack ``path`` to a new folder ``target``, which is there whole or not at all. ``step`` is told of bytes."""
    with root.open(path) as file, root.staged(target) as stage:
        packed = file.seek(0, io.SEEK_END)
        file.seek(0)
        count = Count(limits, packed)
        try:
            if form == "zip":
                _unzip(file, stage, count, step)
            else:
                _untar(file, stage, count, step, form)
        except (
            tarfile.TarError,
            zipfile.BadZipFile,
            EOFError,
            gzip.BadGzipFile,
            zipfile.LargeZipFile,
            _zstd_error(),
        ) as error:
            raise FileProblem(f"{path} is no whole archive of the format {form}: {error}") from None
    return count


def _zstd_error() -> type[Exception]:
    import zstandard  # noqa: PLC0415 - only who packs needs it

    return zstandard.ZstdError


def _untar(file: BinaryIO, stage: Root, count: Count, step: Callable[[int], None], form: str) -> None:
    with ExitStack() as stack:
        if form == "tar.gz":
            plain: Any = stack.enter_context(gzip.GzipFile(fileobj=file))
        else:
            import zstandard  # noqa: PLC0415 - only who packs needs it

            plain = zstandard.ZstdDecompressor(max_window_size=_WINDOW).stream_reader(file, read_across_frames=True)
        stream = Unpacking(plain, count)
        archive = stack.enter_context(tarfile.open(fileobj=stream, mode="r|", tarinfo=Header))
        seen: set[str] = set()
        for member in archive:
            archive.members = []  # type: ignore[attr-defined]  # it would remember every one
            count.entry()
            if not (member.isreg() or member.isdir()) or member.issparse():
                raise Unsafe(f"the archive has the entry {member.name!r}, which is no plain file or folder")
            path = _placed(member.name, seen, is_folder=member.isdir())
            if member.isdir():
                stage.make_folder(path)
            else:
                source = archive.extractfile(member)
                assert source is not None
                _store(source, stage, path, lambda _: None, step)


def _unzip(file: BinaryIO, stage: Root, count: Count, step: Callable[[int], None]) -> None:
    end = zipfile._EndRecData(file)  # type: ignore[attr-defined]
    if end is not None and (end[4] > count._limits.entries or end[5] > _MOST_DIRECTORY):
        raise TooMuch(f"the archive has more than {count._limits.entries} entries, or a list of them that is too long")
    with zipfile.ZipFile(file) as archive:
        seen: set[str] = set()
        for info in archive.infolist():
            count.entry()
            kind = stat.S_IFMT(info.external_attr >> 16)
            if info.flag_bits & 1:
                raise Unsafe(f"the archive's entry {info.filename!r} is encrypted")
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise Unsafe(f"the archive has the entry {info.filename!r}, which is no plain file or folder")
            path = _placed(info.filename, seen, is_folder=info.is_dir())
            if info.is_dir():
                stage.make_folder(path)
            else:
                try:
                    with archive.open(info) as source:
                        _store(source, stage, path, count.more, step)
                except NotImplementedError as error:
                    raise FileProblem(f"the archive's entry {info.filename!r} cannot be read: {error}") from None


def _placed(name: str, seen: set[str], *, is_folder: bool) -> str:
    """Where an entry goes. Folders may be told twice, files may not, nor what differs by its slash alone."""
    bare = name.removeprefix("./") if name != "./" else "."
    if "\\" in bare:
        raise Unsafe(f"the archive's entry {name!r} has a backslash in its name")
    try:
        path = names.checked(bare)
    except names.BadName as error:
        raise Unsafe(f"the archive has an entry that leads elsewhere: {error}") from None
    if not path and not is_folder:
        raise Unsafe(f"the archive has an entry without a name: {name!r}")
    if path in seen and not is_folder:
        raise Unsafe(f"the archive has the entry {name!r} twice")
    seen.add(path)
    return path


def _store(source: Any, stage: Root, path: str, more: Callable[[int], None], step: Callable[[int], None]) -> None:
    with stage.writing(path, overwrite=False) as file:
        while part := source.read(CHUNK):
            more(len(part))
            file.write(part)
            step(len(part))


def compress(
    root: Root,
    found: Iterator[Entry],
    base: str,
    target: str,
    form: str,
    *,
    overwrite: bool,
    step: Callable[[int], None],
) -> int:
    """Pack entries of the root, named as seen from ``base``. Returns how many."""
    count = 0
    with root.writing(target, overwrite=overwrite) as file, ExitStack() as stack:
        add = _zipping(stack, file) if form == "zip" else _tarring(stack, file, form)
        for entry in found:
            if entry.kind not in (FILE, FOLDER) or entry.path == target:
                continue  # links are not followed, and what is being written is not in itself
            count += 1
            name = entry.path[len(base) :].lstrip("/") or entry.path.rpartition("/")[2]
            if entry.kind == FOLDER:
                add(entry, name, None)
            else:
                with root.open(entry.path) as source:
                    add(entry, name, source)
                step(entry.bytes)
    return count


def _zipping(stack: ExitStack, file: Any) -> Callable[[Entry, str, BinaryIO | None], None]:
    archive = stack.enter_context(zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED))

    def add(entry: Entry, name: str, source: BinaryIO | None) -> None:
        if source is None:
            archive.writestr(f"{name}/", b"")
            return
        with archive.open(name, "w", force_zip64=entry.bytes > 2**31) as into:
            while part := source.read(CHUNK):
                into.write(part)

    return add


def _tarring(stack: ExitStack, file: Any, form: str) -> Callable[[Entry, str, BinaryIO | None], None]:
    if form == "tar.gz":
        packed: Any = stack.enter_context(gzip.GzipFile(fileobj=file, mode="wb", mtime=0))
    else:
        import zstandard  # noqa: PLC0415 - only who packs needs it

        packed = stack.enter_context(zstandard.ZstdCompressor().stream_writer(file, closefd=False))
    archive = stack.enter_context(tarfile.open(fileobj=packed, mode="w|"))  # noqa: SIM115 - the stack closes it

    def add(entry: Entry, name: str, source: BinaryIO | None) -> None:
        archive.members = []  # type: ignore[attr-defined]  # it would remember every one
        header = tarfile.TarInfo(name)
        header.mtime = int(entry.modified)
        if source is None:
            header.type, header.mode = tarfile.DIRTYPE, 0o755
        else:
            header.size = entry.bytes
        archive.addfile(header, source)

    return add
