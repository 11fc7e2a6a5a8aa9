"""Pages of lists: a signed cursor that only we can make, and nothing counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.core import signing
from django.db.models import Model, QuerySet

from interlock.api.schemas.pieces import Page, PageQuery
from interlock.lifecycle.refused import invalid

M = TypeVar("M", bound=Model)
T = TypeVar("T")
A = TypeVar("A")
K = TypeVar("K", int, str)


def after(query: PageQuery, kind: type[K], *, of: str) -> K | None:
    """What the page before ended with; None for the first page. ``of`` is the list's name: a cursor leads
    on in its own list only."""
    if query.cursor is None:
        return None
    try:
        mark = signing.loads(query.cursor, salt=f"cursor.{of}")
    except signing.BadSignature:
        raise invalid("cursor_unfit") from None
    if type(mark) is not kind:
        raise invalid("cursor_unfit")
    return mark


def page_of(
    rows: QuerySet[M], query: PageQuery, shape: Callable[[M], A], *, of: str, newest_first: bool = False
) -> Page[A]:
    """One page in the order of ids, or against it."""
    last = after(query, int, of=of)
    if last is not None:
        rows = rows.filter(**{"pk__lt" if newest_first else "pk__gt": last})
    found = list(rows.order_by("-pk" if newest_first else "pk")[: query.limit + 1])
    return cut(found, query, shape, lambda row: row.pk, of=of)


def cut(
    found: Sequence[T], query: PageQuery, shape: Callable[[T], A], mark: Callable[[T], Any], *, of: str
) -> Page[A]:
    """The page out of up to one row more than it holds."""
    shown = found[: query.limit]
    more = len(found) > len(shown)
    following = signing.dumps(mark(shown[-1]), salt=f"cursor.{of}") if more and shown else None
    return Page(items=[shape(row) for row in shown], next=following)
