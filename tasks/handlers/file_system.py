"""The ``file_system`` job type: files in the tenant's folder, in a bucket, on a server over SFTP."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from jobs import connections
from jobs.handlers import Context, Handler, Json, Params
from tasks.files import elsewhere
from tasks.files.operations import OPERATIONS, Job
from tasks.files.params import Path, Pattern
from tasks.files.work import Work

Operation = Literal[
    "list", "copy", "move", "delete", "mkdir", "checksum", "compress", "extract", "sync", "clean_up", "watch_for_file"
]
_NEED_A_TARGET = {"copy", "move", "compress", "extract", "sync"}
#: What would act on the whole root by an empty path alone.
_NEED_A_PATH = {"move", "delete", "mkdir", "checksum", "extract"}


class FileSystemParams(Params):
    operation: Operation
    path: Path = Field(
        "", description="As seen from the tenant's folder, or from the connection's; empty is that itself."
    )
    target: Path | None = Field(None, description="Of copy, move, compress, extract and sync.")
    connection: connections.named("s3", "sftp") | None = None  # type: ignore[valid-type]
    target_connection: connections.named("s3", "sftp") | None = None  # type: ignore[valid-type]
    recursive: bool = Field(False, description="Folders with all below them.")
    overwrite: bool = False
    pattern: Pattern | None = Field(None, description="Names that fit, such as *.csv.")
    verify: bool = Field(
        False, description="Read what was written again and compare; of sync: compare bytes, not dates."
    )
    algorithm: Literal["sha256", "sha512", "sha1", "md5"] = "sha256"
    expected: Annotated[str, Field(max_length=128)] | None = Field(None, description="Of checksum: fail on any other.")
    format: Literal["zip", "tar.gz", "tar.zst"] = "zip"
    older_than_seconds: float | None = Field(None, ge=0, description="Of clean_up.")
    delete_extra: bool = Field(False, description="Of sync: delete what the source does not have.")
    dry_run: bool = Field(False, description="Of delete, clean_up and sync: only tell.")
    settled_seconds: float = Field(5, ge=0, le=86_400, description="Of watch_for_file: not written to for so long.")
    min_bytes: int = Field(0, ge=0)
    poll_seconds: float = Field(30, ge=1, le=86_400)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.operation in _NEED_A_TARGET and self.target is None:
            raise ValueError(f"{self.operation} needs a target")
        if self.operation in _NEED_A_PATH and not self.path:
            raise ValueError(f"{self.operation} needs a path")
        if self.operation == "clean_up" and self.older_than_seconds is None:
            raise ValueError("clean_up needs older_than_seconds")
        return self


class FileSystem(Handler[FileSystemParams]):
    job_type = "file_system"
    title = "Files"
    description = "Lists, copies, moves, deletes, packs, unpacks, compares and awaits files: in the tenant's folder, in a bucket, over SFTP."
    params = FileSystemParams
    example: ClassVar[dict[str, Json]] = {
        "operation": "clean_up",
        "path": "exports",
        "pattern": "*.csv",
        "older_than_seconds": 604800,
    }

    def run(self, params: FileSystemParams, context: Context) -> Json:
        with ExitStack() as stack:
            source = stack.enter_context(elsewhere.place(params.connection, context))
            same = params.connection == params.target_connection
            target = source if same else stack.enter_context(elsewhere.place(params.target_connection, context))
            return OPERATIONS[params.operation](Job(params, source, target, Work(context)))
