"""What an attempt must not write is in no line that its process logs."""

from __future__ import annotations

import io
import logging
import threading
from types import SimpleNamespace

import pytest
import structlog

from jobs.rules.masking import NOTHING, Masker
from monitoring import log_format, redaction


@pytest.fixture(params=["console", "json"])
def output(request, monkeypatch):
    """A process's log, as it is configured in earnest."""
    root, written = logging.getLogger(), io.StringIO()
    handlers, level = list(root.handlers), root.level
    monkeypatch.setattr("sys.stderr", written)
    before = structlog.get_config()
    log_format.configure({"level": "info", "format": request.param})
    structlog.configure(cache_logger_on_first_use=False)  # or a logger first used here would keep this format for good
    yield written
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)


def attempt(*secrets):
    return SimpleNamespace(masker=Masker(secrets))


def test_lines_of_anybody_are_redacted_for_as_long_as_it_is_hidden(output):
    with redaction.hiding(attempt('s3cr3t-"token"')):
        logging.getLogger("a.library").warning("sent %s", 's3cr3t-"token"')
        structlog.get_logger("ours").info("told", what='s3cr3t-"token"')
        thread = threading.Thread(target=logging.getLogger("other").error, args=('s3cr3t-"token"',))
        thread.start()
        thread.join()
        try:
            raise ValueError('s3cr3t-"token"')
        except ValueError:
            logging.getLogger("a.library").exception("broke")
    text = output.getvalue()
    assert "s3cr3t" not in text
    assert text.count("***") >= 4
    logging.getLogger("a.library").warning("s3cr3t later")
    assert "s3cr3t later" in output.getvalue()


def test_attempts_beside_each_other_hide_their_own_and_what_they_learn_later():
    first, second = attempt("first-secret"), SimpleNamespace(masker=NOTHING)
    with redaction.hiding(first), redaction.hiding(second):
        second.masker = Masker(["second-secret"])
        assert redaction.redacted("first-secret second-secret") == "*** ***"
    assert redaction.redacted("first-secret") == "first-secret"


def test_tokens_that_addresses_end_with_are_in_no_line(output):
    for address in ("/hooks/hk_" + "a-_Z" * 10 + "abc", "/invitations/inv_" + "a-_Z" * 10 + "abc"):
        logging.getLogger("django.request").warning("Not Found: %s", address)
        assert address not in output.getvalue()
        assert address[: address.index("a-_Z")] + "…" in output.getvalue()
