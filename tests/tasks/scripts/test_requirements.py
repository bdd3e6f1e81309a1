"""What pip installs for scripts, from an index of the test's own."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import io
import os
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from jobs.handlers import Cancelled, HandlerError, PermanentFailure
from jobs.rules.codes import Failure
from tasks.handlers.script import Script, ScriptParams
from tasks.sandbox import removal
from tasks.scripts import requirements
from tests.support import contexts, http_server
from tests.support.contexts import RecordingContext
from tests.support.http_server import HttpServer

pytestmark = pytest.mark.needs("bwrap", "pip3")


def wheel(version: str, text: str) -> bytes:
    files = {
        "tiny.py": text,
        f"tiny-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n",
        f"tiny-{version}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"tiny-{version}.dist-info/entry_points.txt": "[console_scripts]\ntiny = tiny:main\n",
    }
    files[f"tiny-{version}.dist-info/RECORD"] = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip('=')},{len(text)}\n"
        for name, text in files.items()
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return packed.getvalue()


WHEEL = wheel("1.0", "n = 7\ndef main(): print('::result 8')\n")
#: As people should write them.
TINY = f"tiny==1.0 --hash=sha256:{hashlib.sha256(WHEEL).hexdigest()}"


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpServer]:
    with http_server.serving() as server:
        name = "tiny-1.0-py3-none-any.whl"
        html = {"Content-Type": "text/html"}
        server.answer("/simple/tiny/", headers=html, body=f'<a href="/files/{name}">{name}</a>'.encode())
        server.answer(f"/files/{name}", body=WHEEL)
        server.answer("/simple/nothing/", status=404)
        monkeypatch.setattr(settings, "PIP_INDEX", server.url("/simple/"))
        yield server


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="carillon-test-cache-"))
    folder.chmod(0o711)
    monkeypatch.setattr(settings, "REQUIREMENTS_CACHE", str(folder))
    yield folder
    removal.remove(folder)


@pytest.fixture
def context() -> Iterator[RecordingContext]:
    with contexts.recording(timeout=120) as recording:
        yield recording


def run(context: RecordingContext, script: str = "import tiny; print([tiny.n])", **params: Any) -> Any:
    asked = {"interpreter": "python", "requirements": [TINY], "script": script} | params
    return Script().run(ScriptParams.model_validate(asked), context)


def environments(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.glob("*/*") if path.is_dir())


def test_it_is_installed_once_and_found_by_all_scripts_of_the_tenant(
    index: HttpServer, context: RecordingContext, cache: Path
) -> None:
    assert run(context) == [7]
    first = len(index.requests)
    assert first > 0
    assert Script().run(ScriptParams(interpreter="python", argv=["tiny"], requirements=[TINY]), context) == 8
    with pytest.raises(HandlerError, match="exit code 1"):
        run(context, "open('/requirements/planted', 'w')")
    assert len(index.requests) == first
    assert environments(cache) == [requirements.key([TINY])]
    assert requirements._home("other") != requirements._home(context.tenant)


def test_at_the_same_time_it_is_made_once(index: HttpServer, cache: Path) -> None:
    results: list[Any] = []

    def run_one() -> None:
        with contexts.recording(timeout=120) as context:
            results.append(run(context))

    threads = [threading.Thread(target=run_one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [[7]] * 3
    assert sum(request.path.endswith(".whl") for request in index.requests) == 1
    assert len(environments(cache)) == 1


@pytest.mark.parametrize(
    "wanted", [["nothing"], ["tiny==1.0 --hash=sha256:" + "0" * 64]], ids=["not there", "other hash"]
)
def test_what_cannot_be_installed_fails_and_leaves_nothing(
    index: HttpServer, context: RecordingContext, cache: Path, wanted: list[str]
) -> None:
    with pytest.raises(HandlerError, match="could not be installed") as caught:
        run(context, requirements=wanted)
    assert caught.value.tags == {"requirements"}
    assert environments(cache) == []
    assert context.messages("stderr") != []


def test_half_an_installation_is_swept_once_nobody_can_be_at_it(cache: Path) -> None:
    made(cache, f"left{requirements.NEW}", days=2)
    made(cache, f"going-on{requirements.NEW}", days=0.5)
    requirements.sweep()
    assert environments(cache) == [f"going-on{requirements.NEW}"]


def test_cancelled_installation_leaves_nothing(index: HttpServer, context: RecordingContext, cache: Path) -> None:
    index.hang("/simple/slow/")
    waiting = threading.Thread(target=lambda: index.arrived.acquire(timeout=60) and context.stop.set())
    waiting.start()
    with pytest.raises(Cancelled):
        run(context, requirements=["slow"])
    waiting.join()
    assert environments(cache) == []


def made(cache: Path, name: str, *, days: float = 0, size: int = 0) -> Path:
    path = cache / "acme" / name
    path.mkdir(parents=True)
    (path / "file").write_bytes(bytes(size))
    os.utime(path, (time.time() - days * 86_400,) * 2)
    return path


def test_long_unused_ones_go_and_then_the_oldest_until_there_is_room(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "REQUIREMENTS_CACHE_MB", 3)
    made(cache, "unused", days=31)
    made(cache, "old", days=3, size=2_000_000)
    made(cache, "new", days=1, size=2_000_000)
    requirements.sweep()
    assert environments(cache) == ["new"]


def test_one_in_use_is_not_swept(cache: Path) -> None:
    path = made(cache, "used", days=31)
    with open(f"{path}.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        requirements.sweep()
        assert environments(cache) == ["used"]
    requirements.sweep()
    assert environments(cache) == []


def test_two_lists_are_installed_at_once_each_under_its_own_lock_in_the_cache(cache: Path) -> None:
    one, other = cache / "acme" / "one", cache / "acme" / "other"
    one.parent.mkdir()
    looked = iter([None])
    with requirements._locked(one, lambda: None), requirements._locked(other, lambda: next(looked)):
        assert sorted(path.name for path in one.parent.iterdir()) == ["one.lock", "other.lock"]


def test_one_that_a_script_runs_with_is_not_swept(cache: Path) -> None:
    path = made(cache, "used", days=31)
    with requirements._locked(path, lambda: None):
        requirements.sweep()
        assert environments(cache) == ["used"]
    requirements.sweep()
    assert environments(cache) == []


def test_cache_that_others_can_write_is_refused(cache: Path) -> None:
    cache.chmod(0o777)
    with pytest.raises(PermanentFailure, match="not this worker's own") as caught:
        requirements.root()
    assert caught.value.code == Failure.CONFIG_INVALID


def test_same_list_in_another_order_is_the_same() -> None:
    assert requirements.key(["a", "b"]) == requirements.key(["b", "a"]) != requirements.key(["a"])
