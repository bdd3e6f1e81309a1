"""A folder of this machine that nothing leads out of.

Every name is opened below the descriptor of the folder before it, with O_NOFOLLOW: no path is ever given to the
kernel that has more than one name in it. So it does not matter what somebody swaps meanwhile: a symbolic link is
refused wherever it stands, and ``..`` is refused before. A file is pinned first (O_PATH), looked at, and only then
opened, so that no device or pipe is touched; one with a second hard link may be somebody else's and is refused.

openat2 would do the walk in one call; kernels and container filters that lack it would need this one all the same.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from jobs import file_room
from tasks.files import names, renaming
from tasks.files.contract import FILE, FOLDER, OTHER, Entry, FileProblem, Unsafe

PARTIAL = f"{names.OURS}partial"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: What a killed process left unfinished; an attempt lasts a day at most.
STALE = 25 * 3600.0


class Root:
    """A folder, held by its descriptor. ``charge`` is told of bytes before they are written, and of 0 at
    a file's end; it may refuse them."""

    def __init__(self, descriptor: int, charge: Callable[[int], None] = lambda _: None) -> None:
        self._fd = descriptor
        self.charge = charge

    @classmethod
    def at(cls, folder: Path) -> Root:
        """The folder of that name, made if it is not there."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(os.open(folder, _FOLDER))

    def __enter__(self) -> Root:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def entry(self, path: str) -> Entry | None:
        found = names.parts(path)
        if not found:
            return Entry("", FOLDER, 0, os.fstat(self._fd).st_mtime)
        try:
            with self._folder(found[:-1]) as above:
                return _entry(path, os.stat(found[-1], dir_fd=above, follow_symlinks=False))
        except (FileNotFoundError, FileProblem):
            return None

    def entries(self, path: str) -> list[Entry]:
        with self._folder(names.parts(path)) as folder, os.scandir(folder) as found:
            seen = [
                _entry(names.joined(path, entry.name), entry.stat(follow_symlinks=False))
                for entry in found
                if not entry.name.startswith(names.OURS)
            ]
        return sorted(seen, key=lambda entry: entry.path)

    def open(self, path: str) -> BinaryIO:
        with self.pinned(path) as pinned:
            return open(pinned, "rb")

    @contextlib.contextmanager
    def pinned(self, path: str) -> Iterator[str]:
        """A path of this process by which a library opens exactly this plain file, whatever is swapped meanwhile."""
        found = names.parts(path)
        if not found:
            raise FileProblem("the root is no file")
        with self._folder(found[:-1]) as above:
            try:
                descriptor = os.open(found[-1], os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
            except FileNotFoundError:
                raise FileProblem(f"there is no file {path}") from None
            try:
                _check_plain(path, os.fstat(descriptor))
                yield f"/proc/self/fd/{descriptor}"
            finally:
                os.close(descriptor)

    @contextlib.contextmanager
    def around(self, path: str) -> Iterator[tuple[int, str]]:
        """The descriptor of the folder in which a file lies, and the file's name in it."""
        found = names.parts(path)
        if not found:
            raise FileProblem("the root is no file")
        with self._folder(found[:-1]) as above:
            yield above, found[-1]

    @contextlib.contextmanager
    def writing(self, path: str, *, overwrite: bool = True) -> Iterator[BinaryIO]:
        found = names.parts(path)
        if not found:
            raise FileProblem("the root is no file")
        _check_name(path)
        with self._partial() as area, self._folder(found[:-1], make=True) as above:
            name = secrets.token_hex(16)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                with os.fdopen(os.open(name, flags, 0o600, dir_fd=area), "wb") as file:
                    yield cast(BinaryIO, Charged(file, self.charge))  # as much of a file as writers need
                    file.flush()
                    self.charge(0)
                    os.fsync(file.fileno())
                self._place(path, (area, name), (above, found[-1]), overwrite=overwrite)
                os.fsync(above)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=area)

    def _place(self, path: str, source: tuple[int, str], target: tuple[int, str], *, overwrite: bool) -> None:
        """Put a whole file under its name, in one step."""
        self._check_target(path, target)
        if overwrite:
            os.rename(source[1], target[1], src_dir_fd=source[0], dst_dir_fd=target[0])
            return
        try:
            renaming.to_free_name(source, target)
        except FileExistsError:
            raise FileProblem(f"{path} is there already: say overwrite, or name another") from None

    def _check_target(self, path: str, target: tuple[int, str]) -> None:
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISDIR(os.stat(target[1], dir_fd=target[0], follow_symlinks=False).st_mode):
                raise FileProblem(f"{path} is a folder: name the file in it")

    def rename(self, path: str, target: str, *, overwrite: bool = False) -> None:
        source, wanted = names.parts(path), names.parts(target)
        if not source or not wanted or wanted[: len(source)] == source:
            raise FileProblem("a folder cannot be moved into itself, nor the root at all")
        _check_name(path)
        _check_name(target)
        with self._folder(source[:-1]) as below, self._folder(wanted[:-1], make=True) as above:
            if not overwrite and self.entry(target) is not None:
                raise FileProblem(f"{target} is there already: say overwrite, or name another")
            try:
                os.rename(source[-1], wanted[-1], src_dir_fd=below, dst_dir_fd=above)
            except OSError as error:
                raise FileProblem(f"{path} cannot be moved to {target}: {error.strerror}") from None

    def delete(self, path: str) -> None:
        found = names.parts(path)
        with self._folder(found[:-1]) as above:
            try:
                os.unlink(found[-1], dir_fd=above)
            except IsADirectoryError:
                try:
                    os.rmdir(found[-1], dir_fd=above)
                except OSError as error:
                    raise FileProblem(f"{path} cannot be deleted: {error.strerror}") from None
            except FileNotFoundError:
                raise FileProblem(f"there is no {path}") from None

    def delete_tree(self, path: str) -> None:
        """A folder with all that is in it; links in it are deleted and not followed."""
        found = names.parts(path)
        with self._folder(found[:-1]) as above:
            shutil.rmtree(found[-1], dir_fd=above)

    def make_folder(self, path: str) -> None:
        with self._folder(names.parts(path), make=True):
            pass

    @contextlib.contextmanager
    def staged(self, target: str) -> Iterator[Root]:
        """A folder to fill, which lies at ``target`` once the block has ended without an error, and nowhere before."""
        wanted, name = names.parts(target), secrets.token_hex(16)
        if not wanted or self.entry(target) is not None:
            raise FileProblem(f"{target or 'the root'} is there already: name a folder that is not")
        _check_name(target)
        with self._partial() as area:
            os.mkdir(name, 0o700, dir_fd=area)
            try:
                with Root(os.open(name, _FOLDER, dir_fd=area), self.charge) as root:
                    yield root
                    shutil.rmtree(PARTIAL, dir_fd=root._fd, ignore_errors=True)
                with self._folder(wanted[:-1], make=True) as above:
                    os.rename(name, wanted[-1], src_dir_fd=area, dst_dir_fd=above)
            except BaseException:
                shutil.rmtree(name, dir_fd=area, ignore_errors=True)
                raise

    def used(self) -> int:
        """Bytes of all files, those that are being written among them."""
        return file_room.below(self._fd).bytes

    def sweep(self) -> None:
        """Delete what killed processes left unfinished."""
        with self._partial() as area, os.scandir(area) as found:
            for entry in found:
                with contextlib.suppress(FileNotFoundError):
                    if time.time() - entry.stat(follow_symlinks=False).st_mtime > STALE:
                        shutil.rmtree(entry.name, dir_fd=area) if entry.is_dir(follow_symlinks=False) else os.unlink(
                            entry.name, dir_fd=area
                        )

    def _partial(self) -> contextlib.AbstractContextManager[int]:
        return self._folder((PARTIAL,), make=True)

    @contextlib.contextmanager
    def _folder(self, path: Sequence[str], *, make: bool = False) -> Iterator[int]:
        """The descriptor of a folder."""
        descriptor = os.dup(self._fd)
        try:
            for name in path:
                following = _below(descriptor, name, make=make)
                os.close(descriptor)
                descriptor = following
            yield descriptor
        finally:
            os.close(descriptor)


class Charged:
    """A file whose every byte is accounted for before it is written."""

    def __init__(self, file: BinaryIO, charge: Callable[[int], None]) -> None:
        self._file, self._charge = file, charge

    def write(self, data: bytes) -> int:
        self._charge(len(data))
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def tell(self) -> int:
        return self._file.tell()


def _below(folder: int, name: str, *, make: bool) -> int:
    if make:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=folder)
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            with contextlib.suppress(OSError):
                if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                    raise Unsafe(f"{name} is a symbolic link: none is followed") from None
            raise FileProblem(f"{name} is no folder") from None
        if error.errno == errno.ENOENT:
            raise FileProblem(f"there is no folder {name}") from None
        raise


def _check_name(path: str) -> None:
    if names.is_sqlites(path):
        raise Unsafe(
            f"{path} is not written: SQLite takes what ends in {', '.join(names.SQLITES)} for its own, rename it"
        )


def _check_plain(path: str, found: os.stat_result) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise FileProblem(f"{path} is a folder")
    if not stat.S_ISREG(found.st_mode):
        raise Unsafe(f"{path} is no plain file: links, devices, pipes and sockets are not opened")
    if found.st_nlink > 1:
        raise Unsafe(f"{path} has another name elsewhere (a hard link): it may be somebody else's, copy it there")


def _entry(path: str, found: os.stat_result) -> Entry:
    kind = FILE if stat.S_ISREG(found.st_mode) else FOLDER if stat.S_ISDIR(found.st_mode) else OTHER
    return Entry(path, kind, found.st_size if kind == FILE else 0, found.st_mtime)
