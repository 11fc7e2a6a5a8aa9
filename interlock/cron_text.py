"""A cron expression in words: cronsim's English, and Chinese of our own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product

from cronsim import CronSim
from cronsim.cronsim import SYMBOLIC_DAYS, SYMBOLIC_MONTHS
from django.utils.translation import get_language

from interlock.runs.clock import now

_DAYS = {str(number): day for number, day in enumerate("日一二三四五六日")}
_DAYS |= dict(zip(SYMBOLIC_DAYS, "日一二三四五六", strict=True))
_MONTHS = {name: f" {number} " for number, name in enumerate(SYMBOLIC_MONTHS, 1)}
_TIMES_LISTED = 6


def in_words(cron: str) -> str:
    """Of an expression that is kept; empty when there is none."""
    if not cron:
        return ""
    if (get_language() or "").startswith("zh"):
        return _chinese(cron)
    return CronSim(cron, now()).explain()


def _chinese(cron: str) -> str:
    minute, hour, day, month, weekday = cron.split()
    date, time = _date(day, month, weekday), _time(minute, hour)
    return time if date == "每天" and time.startswith("每") else f"{date} {time}"


def _time(minute: str, hour: str) -> str:
    if re.fullmatch(r"[\d,]+", minute + hour):
        times = [f"{int(h):02}:{int(m):02}" for h, m in product(hour.split(","), minute.split(","))]
        if len(times) <= _TIMES_LISTED:
            return "、".join(times)
    minutes = _every(minute, "分钟") or f"第 {_span(minute)} 分"
    if hour == "*":
        return minutes if minute.startswith("*") else f"每小时{minutes}"
    return f"{_every(hour, '小时') or f'{_span(hour)} 时'}{minutes}"


def _date(day: str, month: str, weekday: str) -> str:
    months = "" if month == "*" else _every(month, "个月") or f"{_span(month, _MONTHS)} 月的"
    each = "" if months else "每月 "
    last = {"L": "每月最后一天", "LW": "每月最后一个工作日"}
    days = last.get(day) or _every(day, "天") or f"{each}{_span(day)} 日"
    if weekday == "*":
        return f"{months}{days}"
    weekdays = _every(weekday, "天（按星期）") or "、".join(_weekday(part) for part in weekday.split(","))
    if day == "*":
        return f"{months}{weekdays}"
    # As in cron: both must fit where one of the fields begins with a star, else either.
    both = day.startswith("*") or weekday.startswith("*")
    return f"{months}{days}{'且为' if both else '或'}{weekdays}"


def _every(text: str, unit: str) -> str:
    if text == "*":
        return f"每{unit.removeprefix('个')}"
    found = re.fullmatch(r"\*/(\d+)", text)
    return f"每 {found[1]} {unit}" if found else ""


def _weekday(text: str) -> str:
    if text.endswith("L"):
        return f"当月最后一个周{_DAYS.get(text[:-1], text[:-1])}"
    if "#" in text:
        name, nth = text.split("#")
        return f"当月第 {nth} 个周{_DAYS.get(name, name)}"
    return _span(text, {name: f"周{day}" for name, day in _DAYS.items()})


def _span(text: str, names: Mapping[str, str] | None = None) -> str:
    """``1-5`` and ``1,3`` and ``1-9/2``."""
    told = []
    for part in text.split(","):
        reach, _, step = part.partition("/")
        ends = [(names or {}).get(end, f" {end} ") for end in reach.split("-")]
        begin = "起" if step and len(ends) == 1 else ""
        told.append("至".join(ends).strip() + begin + (f"每隔 {step}" if step else ""))
    return "、".join(told)
