"""Pages of lists: a signed cursor that only we can make, and nothing counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.core import signing
from django.db.models import Model, QuerySet
from ninja import Schema
from pydantic import ConfigDict, Field

from interlock.lifecycle.refused import invalid

M = TypeVar("M", bound=Model)
T = TypeVar("T")


class Strict(Schema):
    model_config = ConfigDict(extra="forbid")


class PageQuery(Strict):
    limit: int = Field(default=50, ge=1, le=200)
    cursor: str | None = Field(default=None, max_length=300)


class Page(Schema):
    items: list[dict[str, Any]]
    next: str | None


def read_cursor(query: PageQuery) -> Any:
    """What the page before ended with; None for the first page."""
    if query.cursor is None:
        return None
    try:
        return signing.loads(query.cursor, salt="cursor")
    except signing.BadSignature:
        raise invalid("cursor_unfit") from None


def page_of(
    rows: QuerySet[M], query: PageQuery, shape: Callable[[M], dict[str, Any]], *, newest_first: bool = False
) -> dict[str, Any]:
    """One page in the order of ids; ``rows`` come in that order."""
    last = read_cursor(query)
    if last is not None:
        if not isinstance(last, int):
            raise invalid("cursor_unfit")
        rows = rows.filter(**{"id__lt" if newest_first else "id__gt": last})
    found = list(rows[: query.limit + 1])
    return cut(found, query, shape, lambda row: row.pk)


def cut(
    found: Sequence[T], query: PageQuery, shape: Callable[[T], dict[str, Any]], mark: Callable[[T], object]
) -> dict[str, Any]:
    """The page out of one row more than it holds."""
    shown = found[: query.limit]
    more = len(found) > query.limit
    following = signing.dumps(mark(shown[-1]), salt="cursor") if more and shown else None
    return {"items": [shape(row) for row in shown], "next": following}
