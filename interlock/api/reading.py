"""Reading bodies: JSON that is JSON, and text that both databases, hosts and pages can hold."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from django.http import HttpRequest
from ninja.parser import Parser

from interlock.api.problems import Unreadable

DEEPEST = 32  # levels; nothing that we take has more than ten


class StrictParser(Parser):
    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        """The body as plain values, of which every text and number can be stored."""
        kind = request.content_type or ""
        if kind != "application/json" and not kind.endswith("+json"):
            # A page elsewhere can have a browser send any other type without being asked first.
            raise Unreadable("media_type_unfit", 415, given=kind[:100])
        try:
            text = request.body.decode()
            value = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
        except (ValueError, RecursionError):
            raise Unreadable("request_unreadable") from None
        _look_through(value)
        return value  # type: ignore[no-any-return]


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity are not JSON


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text[:20])
    return number


def _look_through(value: object) -> None:
    """Refuse what would be stored nowhere: NUL, halves of surrogate pairs, too many levels."""
    level = [value]
    for _ in range(DEEPEST):
        deeper: list[object] = []
        for item in level:
            if isinstance(item, str):
                _check_text(item)
            elif isinstance(item, dict):
                deeper += [*item.keys(), *item.values()]
            elif isinstance(item, list):
                deeper += item
        if not deeper:
            return
        level = deeper
    raise Unreadable("request_too_deep", levels=DEEPEST)


def _check_text(text: str) -> None:
    if "\0" in text:
        raise Unreadable("text_has_nul", 422)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unreadable("text_not_unicode", 422) from None
