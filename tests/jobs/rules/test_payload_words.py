"""What validators refuse is said in words, and names what was probably meant."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic
import pytest
from pydantic import BaseModel, ConfigDict, Field

from jobs.rules import json_pointers, payload_words
from jobs.written_forms import written

WORD = written("^[a-z]+$", "a word of small letters")


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Header(Strict):
    name: str = ""
    value: str = ""


class Csv(Strict):
    format: Literal["csv"]
    delimiter: str = ","


class Pdf(Strict):
    format: Literal["pdf"]
    title: str = ""


class Params(Strict):
    method: str = ""
    url: str = ""
    headers: list[Header] = []
    by_name: dict[str, Header] = {}
    file: Annotated[Csv | Pdf, Field(discriminator="format")] | None = None
    extract: Annotated[str, Field(pattern=json_pointers.SHAPE)] = ""
    word: Annotated[str, Field(pattern=WORD)] = "a"
    other: Annotated[str, Field(pattern="^x$")] = "x"


def told(payload: Any) -> list[str]:
    with pytest.raises(pydantic.ValidationError) as refused:
        Params.model_validate(payload)
    return [payload_words.told(item, Params) for item in refused.value.errors()]


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ({"methd": "GET"}, "unknown field; did you mean method?"),
        ({"headers": [{"valeu": "x"}]}, "unknown field; did you mean value?"),
        ({"by_name": {"method": {"nmae": "x"}}}, "unknown field; did you mean name?"),
        ({"file": {"format": "csv", "delimitr": ";"}}, "unknown field; did you mean delimiter?"),
        ({"headers": [{"colour": "x"}]}, "unknown field; known are name, value"),
        ({"extract": "rows"}, "must be a JSON pointer such as /rows or /data/0/name, with ~1 for a slash in a name and ~0 for a ~"),
        ({"word": "A"}, "must be a word of small letters"),
        ({"other": "y"}, "has a form that is not taken here: it must match ^x$"),
        ({"url": 5}, "Input should be a valid string"),
    ],
)  # fmt: skip
def test_words(payload, words):
    assert told(payload) == [words]
