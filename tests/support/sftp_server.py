"""An SFTP server by paramiko, in a thread of the test's own process, over a folder."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paramiko
from paramiko import SFTPAttributes, SFTPHandle, SFTPServer, SFTPServerInterface

USER, PASSWORD = "shop", "secret-of-the-tests"


class _Door(paramiko.ServerInterface):
    def check_auth_password(self, username: str, password: str) -> int:
        good = (username, password) == (USER, PASSWORD)
        return paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED


class _Handle(SFTPHandle):
    def stat(self) -> Any:
        return SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))  # type: ignore[attr-defined]


def _answering(act: Any) -> Any:
    def answer(*given: Any) -> Any:
        try:
            return act(*given)
        except OSError as error:
            return SFTPServer.convert_errno(error.errno or 0)

    return answer


class _Files(SFTPServerInterface):
    root: Path

    def _at(self, path: str) -> Path:
        return self.root / self.canonicalize(path).lstrip("/")

    @_answering
    def list_folder(self, path: str) -> Any:
        found = []
        for entry in os.scandir(self._at(path)):
            attributes = SFTPAttributes.from_stat(entry.stat())
            attributes.filename = entry.name
            found.append(attributes)
        return found

    @_answering
    def stat(self, path: str) -> Any:
        return SFTPAttributes.from_stat(os.stat(self._at(path)))

    lstat = stat

    @_answering
    def open(self, path: str, flags: int, attr: Any) -> Any:
        descriptor = os.open(self._at(path), flags, 0o600)
        handle = _Handle(flags)
        mode = "wb" if flags & os.O_WRONLY else "rb"
        handle.readfile = handle.writefile = os.fdopen(descriptor, mode)  # type: ignore[attr-defined]
        return handle

    @_answering
    def remove(self, path: str) -> Any:
        os.remove(self._at(path))
        return paramiko.SFTP_OK

    @_answering
    def rename(self, oldpath: str, newpath: str) -> Any:
        if self._at(newpath).exists():
            return paramiko.SFTP_FAILURE
        os.rename(self._at(oldpath), self._at(newpath))
        return paramiko.SFTP_OK

    @_answering
    def posix_rename(self, oldpath: str, newpath: str) -> Any:
        os.replace(self._at(oldpath), self._at(newpath))
        return paramiko.SFTP_OK

    @_answering
    def mkdir(self, path: str, attr: Any) -> Any:
        os.mkdir(self._at(path))
        return paramiko.SFTP_OK

    @_answering
    def rmdir(self, path: str) -> Any:
        os.rmdir(self._at(path))
        return paramiko.SFTP_OK


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[dict[str, Any]]:
    """The fields of a connection to it."""
    key = paramiko.ECDSAKey.generate()
    files = type("Files", (_Files,), {"root": folder})
    transports: list[paramiko.Transport] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            while True:
                try:
                    connected, _ = listening.accept()
                except OSError:
                    return
                transport = paramiko.Transport(connected)
                transports.append(transport)
                transport.add_server_key(key)
                transport.set_subsystem_handler("sftp", SFTPServer, files)
                with contextlib.suppress(paramiko.SSHException, EOFError):
                    transport.start_server(server=_Door(), event=threading.Event())

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield {
                "kind": "sftp", "host": "127.0.0.1", "port": listening.getsockname()[1], "user": USER, "password": PASSWORD,
                "host_key": f"{key.get_name()} {key.get_base64()}",
            }  # fmt: skip
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            listening.close()
            thread.join()
            for transport in transports:
                transport.close()
