"""A server of files over SSH. It is given a judged connection, and must have the one host key that the tenant named.

What is being written has a name that begins with ``.carillon-`` in its folder until it is whole.
"""

from __future__ import annotations

import base64
import contextlib
import io
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

import paramiko

from jobs.connections.stores import Sftp
from jobs.handlers import Context, PermanentFailure
from jobs.rules.codes import Failure
from tasks import egress, sockets
from tasks.files import names
from tasks.files.contract import FILE, FOLDER, OTHER, Entry, FileProblem, Unsafe, Writable

#: Longest for one step of the way in, and for one answer.
STEP_SECONDS = 10.0
ANSWER_SECONDS = 60.0
#: What servers give at once, and how much is asked for in one go.
PIECE, WINDOW = 32 * 1024, 1024 * 1024
#: Of one folder, with those of unfinished files, which nobody sees.
_MOST_ENTRIES = 2_000_000
_KEYS = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)


@contextmanager
def opened(connection: Sftp, context: Context) -> Iterator[Server]:
    """The server, for the length of the block."""
    guard, patience = egress.Guard(context.allowed_hosts), max(min(STEP_SECONDS, context.remaining()), 0.1)
    try:
        plain = sockets.connect(guard, connection.host, connection.port, patience)
    except OSError as error:
        raise FileProblem(f"{connection.host} is not reached: {error}") from None
    transport = paramiko.Transport(plain)
    try:
        _log_in(transport, connection, patience)
        client = paramiko.SFTPClient.from_transport(transport)
        assert client is not None
        client.get_channel().settimeout(max(min(ANSWER_SECONDS, context.remaining()), 0.1))
        yield Server(client)
    except (paramiko.SSHException, EOFError, TimeoutError) as error:
        raise FileProblem(f"{connection.host} broke off: {error or type(error).__name__}") from None
    finally:
        transport.close()
        plain.close()


def _log_in(transport: paramiko.Transport, connection: Sftp, patience: float) -> None:
    kind, text = connection.host_key.split(" ")
    transport.banner_timeout = transport.auth_timeout = transport.handshake_timeout = patience
    known = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}.get(kind, (kind,))
    try:
        transport.get_security_options().key_types = known
        transport.start_client(timeout=patience)
        if transport.get_remote_server_key().asbytes() != base64.b64decode(text):
            raise Unsafe(
                f"{connection.host} has another host key than the connection names: somebody may stand between"
            )
        if connection.private_key is not None:
            transport.auth_publickey(connection.user, _private(connection))
        else:
            assert connection.password is not None
            transport.auth_password(connection.user, connection.password.get_secret_value(), fallback=False)
    except paramiko.AuthenticationException:
        raise FileProblem(f"{connection.host} does not let {connection.user} in") from None
    except (paramiko.SSHException, ValueError, EOFError, OSError) as error:
        raise FileProblem(f"no SSH with {connection.host}, or not with its {kind} key: {error}") from None


def _private(connection: Sftp) -> Any:
    assert connection.private_key is not None
    secret = connection.passphrase
    for kind in _KEYS:
        with contextlib.suppress(paramiko.SSHException, ValueError):
            text = io.StringIO(connection.private_key.get_secret_value())
            return kind.from_private_key(text, password=secret.get_secret_value() if secret else None)
    message = "the connection's private_key cannot be read, or its passphrase is not the right one"
    raise PermanentFailure(message, code=Failure.CONFIG_INVALID)


@contextmanager
def _told(path: str) -> Iterator[None]:
    """What the server refuses, in words."""
    try:
        yield
    except FileNotFoundError:
        raise FileProblem(f"there is no {path}") from None
    except OSError as error:
        raise FileProblem(f"{path}: the server refuses: {error}") from None


class Server:
    """Paths are as seen from where the log-in begins; what is a link there is the server's business."""

    def __init__(self, client: paramiko.SFTPClient) -> None:
        self._client = client

    def entry(self, path: str) -> Entry | None:
        try:
            return _entry(path, self._client.stat(path or "."))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise FileProblem(f"{path}: the server refuses: {error}") from None

    def entries(self, path: str) -> Iterator[Entry]:
        with _told(path):
            for count, found in enumerate(self._client.listdir_iter(path or ".")):
                if count > _MOST_ENTRIES:
                    raise FileProblem(f"the server's list of {path or 'its root'} does not end")
                if not found.filename.startswith(names.OURS):
                    yield _named(names.joined(path, found.filename), found)

    def open(self, path: str) -> BinaryIO:
        with _told(path):
            return cast(BinaryIO, _Reader(self._client.open(path, "rb")))

    @contextmanager
    def writing(self, path: str, *, overwrite: bool = True) -> Iterator[Writable]:
        folder = path.rpartition("/")[0]
        self.make_folder(folder)
        partial = names.joined(folder, f"{names.OURS}{secrets.token_hex(16)}")
        if not overwrite and self.entry(path) is not None:
            raise FileProblem(f"{path} is there already: say overwrite, or name another")
        try:
            with _told(path), self._client.open(partial, "wx") as file:
                file.set_pipelined(True)
                yield cast(Writable, _Writer(file))
            with _told(path):
                self._place(partial, path, overwrite=overwrite)
        except BaseException:
            with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
                self._client.remove(partial)
            raise

    def _place(self, path: str, target: str, *, overwrite: bool) -> None:
        if overwrite:
            self._client.posix_rename(path, target)
        else:
            self._client.rename(path, target)  # which the protocol forbids to replace

    def rename(self, path: str, target: str, *, overwrite: bool = False) -> None:
        self.make_folder(target.rpartition("/")[0])
        with _told(path):
            self._place(path, target, overwrite=overwrite)

    def delete(self, path: str) -> None:
        found = self.entry(path)
        with _told(path):
            if found is not None and found.kind == FOLDER:
                self._client.rmdir(path)
            else:
                self._client.remove(path)

    def make_folder(self, path: str) -> None:
        parts = names.parts(path)
        for depth in range(1, len(parts) + 1):
            folder = "/".join(parts[:depth])
            if self.entry(folder) is None:
                with _told(folder):
                    self._client.mkdir(folder)


class _Reader(io.RawIOBase):
    """A file of the server's, asked for in several pieces at once: each alone would wait for the one before."""

    def __init__(self, file: paramiko.SFTPFile) -> None:
        self._file, self._at, self._end = file, 0, file.stat().st_size or 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        # Beyond the end paramiko would wait for answers that never come.
        wanted = min(size if size >= 0 else WINDOW, WINDOW, self._end - self._at)
        pieces = [(self._at + start, min(PIECE, wanted - start)) for start in range(0, wanted, PIECE)]
        data = b"".join(self._file.readv(pieces))
        self._at += len(data)
        return data

    def close(self) -> None:
        self._file.close()
        super().close()


class _Writer:
    """A file of the server's that says how much it took."""

    def __init__(self, file: paramiko.SFTPFile) -> None:
        self._file = file

    def write(self, data: bytes, /) -> int:
        self._file.write(data)
        return len(data)


def _entry(path: str, found: paramiko.SFTPAttributes) -> Entry:
    mode = found.st_mode or 0
    kind = FILE if stat.S_ISREG(mode) else FOLDER if stat.S_ISDIR(mode) else OTHER
    return Entry(path, kind, (found.st_size or 0) if kind == FILE else 0, float(found.st_mtime or 0))


def _named(path: str, found: paramiko.SFTPAttributes) -> Entry:
    """A server may send any name: one that could lead elsewhere is of no kind that is copied."""
    try:
        names.parts(path)
    except names.BadName:
        return Entry(path, OTHER, 0, 0.0)
    return _entry(path, found)
