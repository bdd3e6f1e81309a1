"""DRF's nested error detail, by field as our envelope names them."""

from __future__ import annotations

from typing import Any

from rest_framework.settings import api_settings


def flatten(detail: Any, path: str = "") -> dict[str, list[str]]:
    """DRF's nested error detail as {"schedules[0].expression": [messages]}; what is said of the whole is said of "body"."""
    if isinstance(detail, dict):
        parts = [flatten(value, _below(path, key)) for key, value in detail.items()]
        return {field: messages for part in parts for field, messages in part.items()}
    if isinstance(detail, list) and any(isinstance(item, dict | list) for item in detail):
        parts = [flatten(item, f"{path}[{index}]") for index, item in enumerate(detail)]
        return {field: messages for part in parts for field, messages in part.items()}
    messages = detail if isinstance(detail, list) else [detail]
    return {path or "body": [str(message) for message in messages]}


def _below(path: str, key: object) -> str:
    """Where a key leads; the errors of a list come by index, those of an object as a whole under a name of DRF's."""
    if key == api_settings.NON_FIELD_ERRORS_KEY:
        return path
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else str(key)
