"""A bucket of S3 or of what speaks like it, over our own guarded HTTP client.

The usual library looks names up by itself, follows redirects to other regions and reads the worker's environment; of
it only the signature is taken. So each connection goes to an address that the egress guard has judged.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO, cast
from urllib.parse import quote, urlencode, urlsplit
from xml.etree import ElementTree as Xml

import httpx2
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from jobs.connections.stores import S3
from jobs.handlers import Context
from tasks import egress, http_client
from tasks.files import names
from tasks.files.contract import FILE, FOLDER, OTHER, Entry, FileProblem, Writable

#: In memory at most; 10,000 parts of it are the most there may be.
PART = 8 * 1024 * 1024
_MOST_ANSWER = 8 * 1024 * 1024
#: Of a list; a page has a thousand entries, and may have fewer.
_MOST_PAGES = 10_000
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,62}")
_GONE = 404


@contextmanager
def opened(connection: S3, context: Context) -> Iterator[Bucket]:
    """The bucket, for the length of the block."""
    guard = egress.Guard(context.allowed_hosts)
    with http_client.open_client(guard, http_client.Call(context)) as client:
        yield Bucket(connection, client)


class Bucket:
    """One bucket. There are no folders in it: what looks like one is the beginning of names."""

    def __init__(self, connection: S3, client: httpx2.Client) -> None:
        if not _BUCKET.fullmatch(connection.bucket):
            raise FileProblem(f"{connection.bucket!r} is no name of a bucket")
        secret = connection.secret_access_key.get_secret_value()
        self._signer = S3SigV4Auth(Credentials(connection.access_key_id, secret), "s3", connection.region)
        self._client = client
        self._name = connection.bucket
        at = urlsplit(connection.endpoint_url)
        host = at.netloc if connection.path_style else f"{connection.bucket}.{at.netloc}"
        path = at.path.rstrip("/") + (f"/{connection.bucket}" if connection.path_style else "")
        self._base = f"{at.scheme}://{host}{path}"

    def entry(self, path: str) -> Entry | None:
        if not path:
            return Entry("", FOLDER, 0, 0.0)
        answer = self._ask("HEAD", path, fine={_GONE})
        if answer.status_code != _GONE:
            modified = parsedate_to_datetime(answer.headers["Last-Modified"]).timestamp()
            return Entry(path, FILE, int(answer.headers["Content-Length"]), modified)
        page = self._page(f"{path}/", {"max-keys": "1"})
        return Entry(path, FOLDER, 0, 0.0) if page.find("{*}Contents") is not None else None

    def entries(self, path: str) -> Iterator[Entry]:
        prefix, mark, seen = f"{path}/" if path else "", "", False
        for _ in range(_MOST_PAGES):
            page = self._page(prefix, {"delimiter": "/", **({"continuation-token": mark} if mark else {})})
            for part in (*page.findall("{*}CommonPrefixes"), *page.findall("{*}Contents")):
                seen = True
                if (found := _entry(part)) is not None and found.path != path:
                    yield found
            mark = page.findtext("{*}NextContinuationToken", "")
            if page.findtext("{*}IsTruncated") != "true" or not mark:
                break
        else:
            raise FileProblem(f"the bucket's list of {path or 'its root'} does not end")
        if path and not seen:
            raise FileProblem(f"there is no folder {path}")

    def open(self, path: str) -> BinaryIO:
        return cast(BinaryIO, Body(self._ask("GET", path, stream=True)))

    @contextmanager
    def writing(self, path: str, *, overwrite: bool = True) -> Iterator[Writable]:
        if not overwrite and self.entry(path) is not None:
            raise FileProblem(f"{path} is there already: say overwrite, or name another")
        upload = Upload(self, path, {} if overwrite else {"If-None-Match": "*"})
        try:
            yield upload
            upload.finish()
        except BaseException:
            upload.abandon()
            raise

    def rename(self, path: str, target: str, *, overwrite: bool = False) -> None:
        if not overwrite and self.entry(target) is not None:
            raise FileProblem(f"{target} is there already: say overwrite, or name another")
        found = self.entry(path)
        if found is None or found.kind != FILE:
            raise FileProblem(f"there is no file {path}: in a bucket files are moved, copy a folder and delete it")
        answer = self._ask("PUT", target, headers={"x-amz-copy-source": f"/{self._name}/{quote(path)}"})
        if not read(answer).tag.endswith("CopyObjectResult"):  # an error may be said after a 200, as below
            raise FileProblem(f"the bucket could not copy {path} to {target}: {path} stays")
        self.delete(path)

    def delete(self, path: str) -> None:
        self._ask("DELETE", path)
        self._ask("DELETE", f"{path}/")  # what stands for an empty folder

    def make_folder(self, path: str) -> None:
        if path:
            self._ask("PUT", f"{path}/", content=b"")

    def _page(self, prefix: str, query: Mapping[str, str]) -> Xml.Element:
        return read(self._ask("GET", "", query={"list-type": "2", "prefix": prefix, **query}))

    def _ask(
        self,
        method: str,
        key: str,
        *,
        query: Mapping[str, str] | None = None,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
        fine: frozenset[int] | set[int] = frozenset(),
        stream: bool = False,
    ) -> httpx2.Response:
        """One signed call; whatever is refused is a FileProblem."""
        url = f"{self._base}/{quote(key, safe='/~-._')}"
        url += f"?{urlencode(sorted(query.items()), quote_via=quote)}" if query else ""
        signed = AWSRequest(method=method, url=url, data=content, headers=dict(headers or {}))
        self._signer.add_auth(signed)
        try:
            request = self._client.build_request(method, url, content=content, headers=dict(signed.headers.items()))
            answer = self._client.send(request, stream=True)
            if stream and answer.is_success:
                return answer
            _read_some(answer)
        except httpx2.TransportError as error:
            raise FileProblem(f"the bucket is not reached: {error or type(error).__name__}") from None
        if answer.is_success or answer.status_code in fine:
            return answer
        code = re.search(r"<Code>(\w{1,60})</Code>", answer.text)
        what = f"there is no {key}" if answer.status_code == _GONE else "the bucket refuses"
        raise FileProblem(f"{what}: {method} is answered with {answer.status_code} {code[1] if code else ''}".rstrip())


def _read_some(answer: httpx2.Response) -> None:
    """All of an answer that is no file; one that does not end is none of ours."""
    try:
        content = b""
        for part in answer.iter_raw(64 * 1024):
            content += part
            if len(content) > _MOST_ANSWER:
                raise FileProblem("the bucket's answer is longer than any that it should give")
        answer._content = content
    finally:
        answer.close()


def read(answer: httpx2.Response) -> Xml.Element:
    """An answer in XML. Bounded, and what is declared in it is not expanded beyond what expat allows."""
    try:
        return Xml.fromstring(answer.content)  # noqa: S314 - see above
    except Xml.ParseError as error:
        raise FileProblem(f"the bucket's answer cannot be read: {error}") from None


def _entry(part: Xml.Element) -> Entry | None:
    """None for what stands for the folder itself."""
    if (prefix := part.findtext("{*}Prefix")) is not None:
        return _named(prefix.removesuffix("/"), FOLDER, 0, 0.0)
    key = part.findtext("{*}Key", "")
    if key.endswith("/"):
        return None
    modified = datetime.fromisoformat(part.findtext("{*}LastModified", "")).timestamp()
    return _named(key, FILE, int(part.findtext("{*}Size", "0")), modified)


def _named(path: str, kind: str, size: int, modified: float) -> Entry:
    """Names that could lead elsewhere, once they are copied somewhere, are of no kind that is."""
    try:
        names.parts(path)
    except names.BadName:
        return Entry(path, OTHER, 0, modified)
    return Entry(path, kind, size, modified)


class Body(io.RawIOBase):
    """An object's bytes as they come."""

    def __init__(self, answer: httpx2.Response) -> None:
        self._answer, self._parts, self._rest = answer, answer.iter_raw(256 * 1024), b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        try:
            while not self._rest:
                self._rest = next(self._parts)
        except StopIteration:
            return b""
        except httpx2.TransportError as error:
            raise FileProblem(f"the bucket broke off: {error or type(error).__name__}") from None
        cut = len(self._rest) if size < 0 else size
        part, self._rest = self._rest[:cut], self._rest[cut:]
        return part

    def close(self) -> None:
        self._answer.close()
        super().close()


class Upload:
    """An object on its way: in one call if it is small, else in parts that nobody sees before the last."""

    def __init__(self, bucket: Bucket, path: str, headers: Mapping[str, str]) -> None:
        self._bucket, self._path, self._headers = bucket, path, headers
        self._buffer = bytearray()
        self._id = ""
        self._tags: list[str] = []

    def write(self, data: bytes, /) -> int:
        self._buffer += data
        while len(self._buffer) >= PART:
            self._send(bytes(self._buffer[:PART]))
            del self._buffer[:PART]
        return len(data)

    def finish(self) -> None:
        if not self._id:
            self._bucket._ask("PUT", self._path, content=bytes(self._buffer), headers=self._headers)
            return
        if self._buffer:
            self._send(bytes(self._buffer))
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"
            for number, tag in enumerate(self._tags, 1)
        )
        content = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        answer = self._bucket._ask(
            "POST", self._path, query={"uploadId": self._id}, content=content, headers=self._headers
        )
        if read(answer).tag.endswith("Error"):  # said after a 200 that was sent to keep us waiting
            raise FileProblem(f"the bucket could not put {self._path} together")

    def abandon(self) -> None:
        if self._id:
            self._bucket._ask("DELETE", self._path, query={"uploadId": self._id}, fine={_GONE})

    def _send(self, part: bytes) -> None:
        if not self._id:
            begun: Any = read(self._bucket._ask("POST", self._path, query={"uploads": ""}))
            self._id = begun.findtext("{*}UploadId", "")
        query = {"partNumber": str(len(self._tags) + 1), "uploadId": self._id}
        answer = self._bucket._ask("PUT", self._path, query=query, content=part)
        self._tags.append(answer.headers["ETag"].replace('"', "&quot;"))
