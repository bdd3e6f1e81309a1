"""Moto's S3 as a process of its own, once for each pytest process and only when a test asks for it."""

from __future__ import annotations

import atexit
import subprocess
import sys
import urllib.request
from functools import cache

from tests.support.processes import eventually

KEY, SECRET, BUCKET = "AKIATESTS", "secret-of-the-tests", "reports"
_START = """
import sys
from werkzeug.serving import make_server
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
print(server.server_port, flush=True)
import threading
threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
server.serve_forever()
"""


@cache
def port() -> int:
    """Where it listens. It ends with us: its standard input does."""
    command = [sys.executable, "-c", _START]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    atexit.register(process.kill)
    assert process.stdout is not None
    found = int(process.stdout.readline())
    assert eventually(lambda: _answers(found))
    return found


def endpoint() -> str:
    return f"http://127.0.0.1:{port()}"


def url(prefix: str) -> str:
    """As the setting names it."""
    return f"s3+http://{KEY}:{SECRET}@127.0.0.1:{port()}/{BUCKET}/{prefix}"


def _answers(at: int) -> bool:
    request = urllib.request.Request(f"http://127.0.0.1:{at}/{BUCKET}", method="PUT")
    # Moto takes any signature, and tells services apart by it.
    request.add_header("Authorization", f"AWS4-HMAC-SHA256 Credential={KEY}/20260101/us-east-1/s3/aws4_request")
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
