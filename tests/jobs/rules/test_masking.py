"""Secrets are not readable in what is masked, in whatever form and however a stream is cut."""

from __future__ import annotations

import base64
import html
import json
import shlex
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.rules.masked_forms import forms
from jobs.rules.masking import MASK, NOTHING, SHORTEST_CUT, Masker

AWKWARD = "p@ss wörd/+'\"\\&<\n\t%=:ü🔑 end"
KEY = "-----BEGIN KEY-----\n" + "\n".join("Qk1GVmFy" * 8 + f"{line:02}" for line in range(30)) + "\n-----END KEY-----"

#: No asterisks: what a mask and its neighbours say together may look like such a secret.
secrets = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="*"), min_size=8, max_size=40)
#: Few letters, so that secrets overlap themselves and each other.
repetitive = st.text("ab", min_size=8, max_size=12)


def written(secret: str) -> dict[str, str]:
    data = secret.encode()
    return {
        "raw": secret,
        "percent": quote(secret, safe=""),
        "percent of paths": quote(secret),
        "lower percent": quote(secret, safe="").replace("%C3%B6", "%c3%b6").replace("%2F", "%2f"),
        "plus": quote_plus(secret),
        "base64": base64.b64encode(data).decode(),
        "base64 inside": base64.b64encode(b"u:" + data + b"x").decode(),
        "base64 inside, shifted": base64.b64encode(b"user:" + data).decode(),
        "urlsafe base64": base64.urlsafe_b64encode(b"me:" + data).decode(),
        "json": json.dumps({"a": secret}),
        "json with its own letters": json.dumps([secret], ensure_ascii=False),
        "json in json": json.dumps(json.dumps({"a": secret})),
        "repr": repr([secret]),
        "repr of bytes": repr(data),
        "shell": shlex.quote(secret),
        "html": html.escape(secret),
        "hexadecimal": data.hex(),
    }


@pytest.mark.parametrize("form", written("x"))
@pytest.mark.parametrize(
    "secret", ["s3cr3t-token", AWKWARD, "🔑🔑🔑🔑🔑🔑🔑🔑", "aaaaaaaaaaaa", KEY], ids=list("pwksb")
)
def test_a_secret_is_masked_in_every_form(secret, form):
    text = written(secret)[form]
    masked = Masker([secret]).text(f"before {text} after")
    assert MASK in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    for other in forms(secret):
        assert other not in masked


def test_what_stands_beside_it_stays():
    masker = Masker(["s3cr3t-token", "another one"])
    assert masker.text("key=s3cr3t-token&x=1 s3cr3t-toke") == "key=***&x=1 s3cr3t-toke"
    assert masker.text("another ones3cr3t-token") == "******"
    assert masker.text("nothing") == "nothing"


def test_secrets_that_overlap_are_masked_as_one():
    assert Masker(["abcdefgh", "efghijkl"]).text("xabcdefghijklx") == "x***x"


def test_a_secret_of_many_lines_is_masked_line_by_line():
    masker = Masker([KEY])
    for line in KEY.splitlines():
        assert masker.text(f"> {line}") == f"> {MASK}"


def test_wrapped_base64_of_a_long_secret_is_masked():
    text = base64.encodebytes(KEY.encode()).decode()
    masked = Masker([KEY]).text(text).splitlines()
    assert set(masked[:-1]) == {MASK}


def test_too_short_a_secret_is_none_to_be_looked_for():
    assert Masker(["short"]).text("short") == "short"


@pytest.mark.parametrize("value", [None, True, 5, 1.5, "x", ["x", {"a": None}]])
def test_without_secrets_everything_is_as_it_was(value):
    assert NOTHING.value(value) == value
    assert not NOTHING


def test_values_keys_and_numbers_of_json_are_masked_wherever_they_are():
    masker = Masker(["s3cr3t-token", "12345678"])
    value = {"a": ["x s3cr3t-token", {"s3cr3t-token": 12345678}], "n": 1234567, "t": True, "f": 1.5}
    assert masker.value(value) == {"a": ["x ***", {"***": "***"}], "n": 1234567, "t": True, "f": 1.5}


def test_the_beginning_of_a_secret_at_a_cut_is_masked():
    masker, filling = Masker(["s3cr3t-token"]), "x" * SHORTEST_CUT
    assert masker.text(f"{filling}s3cr3t") == f"{filling}{MASK}"
    assert masker.text("ends with s3cr3t") == "ends with s3cr3t", "too short a text to have been cut"


@given(
    st.text("abc", min_size=8, max_size=20),
    st.text("123", max_size=30),
    st.text("123", max_size=30),
    st.integers(0, 70),
)
def test_head_shows_no_part_of_a_secret(secret, before, after, length):
    head = Masker([secret]).head(before + secret + after, length)
    assert (
        head
        == (before + MASK + after[: max(length - len(before + secret), 0)] if length > len(before) else before)[:length]
    )


@given(st.lists(secrets, min_size=1, max_size=3), st.data())
def test_no_form_of_any_secret_is_left(known, data):
    masker = Masker(known)
    pieces = [form for secret in known for form in sorted(forms(secret))]
    text = data.draw(st.lists(st.one_of(st.sampled_from(pieces), st.text(max_size=9)), max_size=6).map("".join))
    masked = masker.text(text).replace(MASK, "\x00")
    assert [piece for piece in pieces if piece in masked] == []


@given(st.lists(st.one_of(secrets, repetitive), min_size=1, max_size=3), st.data())
def test_a_stream_is_masked_alike_however_it_is_cut(known, data):
    masker = Masker(known)
    piece = st.one_of(st.sampled_from(known), repetitive, st.text(max_size=9))
    text = data.draw(st.lists(piece, max_size=6).map("".join)).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    stream = masker.stream()
    told = [
        stream.feed(text[start:end]) for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)
    ] + [stream.close()]  # fmt: skip
    whole = masker.stream()
    assert b"".join(told) == whole.feed(text) + whole.close()
    if len(text) < SHORTEST_CUT:  # a longer text may have been cut, and loses a beginning at its end
        assert b"".join(told).decode() == masker.text(text.decode())


def test_a_stream_holds_back_no_more_than_it_must():
    stream = Masker(["s3cr3t-token"]).stream()
    assert stream.feed(b"a line\nkey=s3cr") == b"a line\nkey="
    assert stream.feed(b"3t, really\n") == b"s3cr3t, really\n"
    assert stream.feed(b"aaas3cr3t-tokenb") == b"aaa***b"
    assert stream.close() == b""


def test_a_stream_that_repeats_a_secret_for_ever_is_not_kept():
    stream = Masker(["aaaaaaaa"]).stream()
    told = b"".join(stream.feed(b"a" * 1000) for _ in range(100)) + stream.feed(b"b") + stream.close()
    assert told == b"***b"
    assert len(stream._held) < 8


def test_masking_a_full_log_takes_no_longer_than_writing_it():
    masker = Masker([KEY, "s3cr3t-token"])
    line = "2026-01-31 INFO something ordinary happened to order 4711 in the shop " * 2
    began = time.process_time()
    for _ in range(2000):
        masker.text(line)
    assert time.process_time() - began < 2, "a thousandth of a second a line"
