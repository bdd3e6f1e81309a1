"""Artifacts in a bucket of S3 or of what speaks like it, which the installation's operators have named.

An object appears whole or not at all. What was being uploaded when its process died is an upload that nobody
completes: invisible, but stored, until it is swept.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO, cast
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID

from jobs.artifacts import contract

#: Held in memory of what is uploaded, and the size of its parts: 10,000 of them are the most there may be.
BLOCK = 8 * 1024 * 1024
_SCHEMES = {"s3+https": "https", "s3+http": "http"}


class Bucket:
    """Of ``s3+https://access-key:secret@host:port/bucket/prefix?region=eu-central-1``."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        bucket, _, prefix = parts.path.strip("/").partition("/")
        if parts.scheme not in _SCHEMES or not parts.hostname or not bucket:
            raise ValueError("must look like s3+https://key:secret@host/bucket/prefix?region=eu-central-1")
        self._bucket, self._prefix = bucket, f"{prefix}/" if prefix else ""
        netloc = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
        self._options = {
            "key": unquote(parts.username or ""),
            "secret": unquote(parts.password or ""),
            "endpoint_url": f"{_SCHEMES[parts.scheme]}://{netloc}",
            "client_kwargs": {"region_name": parse_qs(parts.query).get("region", ["us-east-1"])[0]},
        }
        self._made: tuple[int, Any] | None = None

    def create(self, key: UUID) -> BucketSink:
        return BucketSink(self._files.open(self._path(key), "wb", block_size=BLOCK))

    def open(self, key: UUID) -> BinaryIO:
        return cast(BinaryIO, self._files.open(self._path(key), "rb", block_size=BLOCK, cache_type="readahead"))

    def delete(self, key: UUID) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._files.rm_file(self._path(key))

    def keys(self, part: int, *, older_than: float) -> Iterator[UUID]:
        until = datetime.now(UTC) - timedelta(seconds=older_than)
        wanted = {"Bucket": self._bucket, "Prefix": f"{self._prefix}{part:02x}/"}
        for page in self._pages("list_objects_v2", wanted, ("ContinuationToken", "NextContinuationToken")):
            for found in page.get("Contents", ()):
                if found["LastModified"] <= until:
                    yield UUID(found["Key"].rpartition("/")[2])

    def sweep(self, *, older_than: float) -> int:
        until, swept = datetime.now(UTC) - timedelta(seconds=older_than), 0
        wanted = {"Bucket": self._bucket, "Prefix": self._prefix}
        for page in self._pages("list_multipart_uploads", wanted, ("KeyMarker", "NextKeyMarker")):
            for found in page.get("Uploads", ()):
                if found["Initiated"] <= until:
                    self._call(
                        "abort_multipart_upload", Bucket=self._bucket, Key=found["Key"], UploadId=found["UploadId"]
                    )
                    swept += 1
        return swept

    def _path(self, key: UUID) -> str:
        return f"{self._bucket}/{self._prefix}{contract.part(key):02x}/{key}"

    def _pages(self, method: str, wanted: dict[str, Any], marks: tuple[str, str]) -> Iterator[dict[str, Any]]:
        place: dict[str, str] = {}
        while True:
            page = self._call(method, **wanted, **place)
            yield page
            if not page.get("IsTruncated"):
                return
            place = {marks[0]: page[marks[1]]}

    def _call(self, method: str, **options: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._files.call_s3(method, **options)
        return answer

    @property
    def _files(self) -> Any:
        """Made by the process that uses it: its loop and its connections do not outlive a fork."""
        if self._made is None or self._made[0] != os.getpid():
            import s3fs  # noqa: PLC0415 - a second that only who keeps artifacts in a bucket shall wait

            made = s3fs.S3FileSystem(**self._options, skip_instance_cache=True, use_listings_cache=False)
            self._made = (os.getpid(), made)
        return self._made[1]


class BucketSink:
    """One upload."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, data: bytes | memoryview) -> None:
        self._file.write(data)

    def finish(self) -> None:
        self._file.close()

    def abandon(self) -> None:
        if self._file.closed:
            return
        self._file.closed = True  # or it would upload the rest when it is forgotten
        with contextlib.suppress(OSError):  # swept later
            self._file.discard()
