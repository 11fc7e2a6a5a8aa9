"""What people type as values: times, spans, lists."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> int:
    """``90``, ``90s``, ``15m``, ``2h``, ``1d``, ``1h30m``."""
    if text.isdigit():
        return int(text)
    parts = re.findall(r"(\d+)([smhd])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError("give seconds, or a span such as 90s, 15m, 2h, 1h30m")
    return sum(int(number) * UNITS[unit] for number, unit in parts)


def time_to_come(text: str, now: datetime | None = None) -> str:
    """``+30m``, ``22:30`` (the next one), or a date and time; without a zone, of this machine's."""
    now = now or datetime.now(UTC).astimezone()
    if text.startswith("+"):
        return (now + timedelta(seconds=seconds(text[1:]))).isoformat(timespec="seconds")
    if re.fullmatch(r"\d{1,2}:\d{2}", text):
        hour, minute = (int(part) for part in text.split(":"))
        found = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
        return (found if found > now else found + timedelta(days=1)).isoformat()
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("give +30m, 22:30, or a time such as 2026-11-21T22:30+08:00") from None
    if found.tzinfo is None:
        found = found.astimezone()
    return found.isoformat()


def words(text: str) -> list[str]:
    """With commas between; ``@file`` (``@-``: standard input) has one or more on each line."""
    if text.startswith("@"):
        text = sys.stdin.read() if text == "@-" else Path(text[1:]).read_text(encoding="utf-8")
        lines = (line.split("#")[0] for line in text.splitlines())
        return [word for line in lines for word in re.split(r"[,\s]+", line) if word]
    return [word.strip() for word in text.split(",") if word.strip()]


class Read(click.ParamType[Any]):
    """A type of option that is read by one of these."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name = name
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._read(value)
        except (ValueError, OverflowError, OSError) as error:
            self.fail(f"“{value}”: {error}", param, ctx)


def _pair(text: str) -> tuple[str, str]:
    name, between, value = text.partition("=")
    if not between or not name:
        raise ValueError("write it as name=value")
    return name, value


SECONDS = Read("span", seconds)
TIME = Read("time", time_to_come)
WORDS = Read("names", words)
PAIR = Read("name=value", _pair)
