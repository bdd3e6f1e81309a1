"""Fields of payloads that say where files lie and which are meant."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from tasks.files import names


def _path(text: str) -> str:
    return text if "{{" in text else names.checked(text)


Path = Annotated[str, Field(max_length=names.LONGEST), AfterValidator(_path)]
Pattern = Annotated[str, Field(max_length=255)]
