"""Long lists on pages: a part at a time, found by what the part before ended with, and nothing counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest

M = TypeVar("M", bound=Model)
SIZE = 50
AFTER = "after"  # the word of the query string


@dataclass(frozen=True)
class Part(Generic[M]):
    """``following`` goes into the address of the next part; empty at the end of the list."""

    rows: list[M]
    following: str


def part_of(rows: QuerySet[M], request: HttpRequest, *, order: str = "-id", size: int = SIZE) -> Part[M]:
    """``order`` is a column whose values are unique, with - for falling; id is a number, others are text."""
    column, falling = order.removeprefix("-"), order.startswith("-")
    last: Any = request.GET.get(AFTER, "").replace("\0", "")
    if column == "id":
        last = int(last) if last.isdecimal() and len(last) < 19 else None
    if last:
        rows = rows.filter(**{f"{column}__{'lt' if falling else 'gt'}": last})
    found = list(rows.order_by(order)[: size + 1])
    shown = found[:size]
    following = str(getattr(shown[-1], column)) if len(found) > size else ""
    return Part(shown, following)
