"""Archives: what they hold comes out as it went in, and whatever would lead elsewhere or burst is refused whole."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from tasks.files import archives
from tasks.files.archives import Limits
from tasks.files.contract import FileProblem, TooMuch, Unsafe, walk
from tasks.files.local import PARTIAL, Root

SMALL = Limits(entries=20, bytes=4_000_000, ratio=50, free=1_000_000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "acme"


@pytest.fixture
def root(folder: Path) -> Iterator[Root]:
    with Root.at(folder) as root:
        yield root


def extract(root: Root, form: str) -> Any:
    return archives.extract(root, "archive", "out", form, limits=SMALL, step=lambda _: None)


def put(root: Root, content: bytes, path: str = "archive") -> None:
    with root.writing(path) as file:
        file.write(content)


def packed(form: str, plain: bytes) -> bytes:
    return gzip.compress(plain) if form == "tar.gz" else zstandard.compress(plain)


def tar(*members: tuple[dict[str, Any], bytes], form: str = "tar.gz", **options: Any) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", **options) as archive:
        for columns, content in members:
            header = tarfile.TarInfo(columns.get("name", "a"))
            header.size = len(content)
            for name, value in columns.items():
                setattr(header, name, value)
            archive.addfile(header, io.BytesIO(content))
    return packed(form, plain.getvalue())


def zipped(*entries: tuple[Any, bytes]) -> bytes:
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return plain.getvalue()


def linked(target: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("link")
    info.create_system, info.external_attr = 3, 0o120777 << 16
    info.comment = target.encode()
    return info


@pytest.mark.parametrize("form", archives.FORMATS)
def test_what_is_packed_comes_out_as_it_was(root, form):
    big = os.urandom(300_000)
    for path, content in {"in/a.txt": b"hello", "in/deep/b": big, "in/empty": b""}.items():
        put(root, content, path)
    root.make_folder("in/none")
    assert archives.compress(root, walk(root, "in"), "in", "archive", form, overwrite=False, step=lambda _: None) == 5
    count = extract(root, form)
    found = {entry.path: entry.bytes for entry in walk(root, "out")}
    assert found == {"out/a.txt": 5, "out/deep": 0, "out/deep/b": 300_000, "out/empty": 0, "out/none": 0}
    with root.open("out/deep/b") as file:
        assert file.read() == big
    assert count.entries == 5


def refused(root: Root, folder: Path, form: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        extract(root, form)
    assert root.entry("out") is None
    assert os.listdir(folder / PARTIAL) == []
    assert sorted(os.listdir(folder.parent)) == ["acme"]


UP = [
    "../up",
    "a/../../up",
    "/etc/up",
    "..",
    "a/..",
    "",
    "a//b",
    "a\\..\\..\\up",
    ".carillon-partial/x",
    "d/" * 70 + "x",
]


@pytest.mark.parametrize("name", UP)
def test_a_tar_that_leads_elsewhere_is_refused(root, folder, name):
    put(root, tar(({"name": "good"}, b"x"), ({"name": name}, b"x")))
    refused(root, folder, "tar.gz", Unsafe, "archive")


@pytest.mark.parametrize("name", UP)
def test_a_zip_that_leads_elsewhere_is_refused(root, folder, name):
    put(root, zipped(("good", b"x"), (zipfile.ZipInfo(name or "x//y"), b"x")))
    refused(root, folder, "zip", Unsafe, "archive")


KINDS = [
    tarfile.SYMTYPE,
    tarfile.LNKTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
    tarfile.FIFOTYPE,
    tarfile.GNUTYPE_SPARSE,
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_tar_with_links_devices_or_holes_is_refused(root, folder, kind):
    put(root, tar(({"name": "link", "type": kind, "linkname": "../.."}, b""), ({"name": "link/up"}, b"x")))
    refused(root, folder, "tar.gz", Unsafe, "no plain file")


def test_a_zip_with_a_link_is_refused(root, folder):
    put(root, zipped((linked("/etc"), b"/etc"), ("link/up", b"x")))
    refused(root, folder, "zip", Unsafe, "no plain file")


def test_a_name_that_comes_twice_is_refused(root, folder):
    put(root, tar(({"name": "a"}, b"x"), ({"name": "./a"}, b"y")))
    refused(root, folder, "tar.gz", Unsafe, "twice")
    with pytest.warns(UserWarning, match="Duplicate"):
        put(root, zipped(("a", b"x"), ("a", b"y")))
    refused(root, folder, "zip", Unsafe, "twice")


def test_a_file_that_is_a_folder_too_is_refused(root, folder):
    put(root, tar(({"name": "a"}, b"x"), ({"name": "a/b"}, b"y")))
    refused(root, folder, "tar.gz", FileProblem, "no folder")


def test_an_encrypted_zip_is_refused(root, folder):
    content = bytearray(zipped(("a", b"x")))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    put(root, bytes(content))
    refused(root, folder, "zip", Unsafe, "encrypted")


@pytest.mark.parametrize("form", archives.FORMATS)
def test_a_bomb_is_refused_as_it_grows(root, folder, form):
    huge = bytes(3_000_000)
    put(root, zipped(("a", huge)) if form == "zip" else tar(({"name": "a"}, huge), form=form))
    refused(root, folder, form, TooMuch, "times its size")


@pytest.mark.parametrize("form", archives.FORMATS)
def test_more_bytes_or_entries_than_may_be_are_refused(root, folder, form):
    noise = os.urandom(2_100_000)
    put(
        root,
        zipped(("a", noise), ("b", noise))
        if form == "zip"
        else tar(({"name": "a"}, noise), ({"name": "b"}, noise), form=form),
    )
    refused(root, folder, form, TooMuch, "more than 4000000 bytes")
    many = [f"f{number}" for number in range(21)]
    put(
        root,
        zipped(*((name, b"") for name in many))
        if form == "zip"
        else tar(*(({"name": name}, b"") for name in many), form=form),
    )
    refused(root, folder, form, TooMuch, "more than 20 entries")


def test_a_zip_that_lies_about_its_length_is_counted_all_the_same(root, folder):
    content = bytearray(zipped(("a", bytes(3_000_000))))
    for at in (22, content.index(b"PK\x01\x02") + 24):
        content[at : at + 4] = (5).to_bytes(4, "little")
    put(root, bytes(content))
    with pytest.raises((TooMuch, FileProblem)):
        extract(root, "zip")
    assert root.entry("out") is None


def test_a_header_of_a_tar_is_not_believed_that_it_is_long(root, folder):
    plain = bytearray(tarfile.TarInfo("x").tobuf())
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 3 * 1024**3
    put(root, gzip.compress(header.tobuf(format=tarfile.GNU_FORMAT) + bytes(plain)))
    refused(root, folder, "tar.gz", Unsafe, "longer than any name")


@pytest.mark.parametrize("form", archives.FORMATS)
@pytest.mark.parametrize("content", [b"", b"nonsense" * 100])
def test_what_is_no_archive_is_said_to_be_none(root, folder, form, content):
    put(root, content)
    refused(root, folder, form, FileProblem, "no whole archive")


@pytest.mark.parametrize("form", archives.FORMATS)
def test_a_torn_archive_leaves_nothing(root, folder, form):
    noise = os.urandom(100_000)
    whole = zipped(("a", noise)) if form == "zip" else tar(({"name": "a"}, noise), form=form)
    put(root, whole[: len(whole) // 2])
    refused(root, folder, form, FileProblem, "no whole archive")
