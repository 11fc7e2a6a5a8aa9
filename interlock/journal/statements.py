"""Statements of the engine's hot path, each built once and kept as text.

The ORM takes ten times as long to build the statements of a step as the database to carry them out
(``bench/engine.py``). Field types still convert every value, so rows look the same from either side.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, TypeVar

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import DateTimeField, Field, JSONField, Model

M = TypeVar("M", bound=Model)
RISE: Final = object()  # as a column's new value: one more than it is
Names = tuple[str, ...]
Convert = Callable[[Any], Any]
Where = Mapping[Any, Any]  # column, or tuple of columns -> value
Shape = tuple[tuple[Any, int], ...]
Update = tuple[Mapping[str, Any], Mapping[str, Any]]  # columns to set, columns of the row


def select(model: type[M], names: Names, where: Where, *, lock: bool = False, order: str = "id") -> list[M]:
    """Rows with these columns, the others deferred.

    A tuple as a value means any of its members; for a tuple of columns, its members are tuples as well.
    """
    shape = tuple((name, len(value) if isinstance(value, tuple) else 0) for name, value in where.items())
    database = connections["default"]
    text, names, readers = _selecting(database.vendor, model, names, shape, lock, order)
    with _driver(database) as driver:
        rows = driver.execute(text, list(_flat(where.values()))).fetchall()
    return [model.from_db("default", names, _converted(readers, row)) for row in rows]


def update_many(model: type[Model], updates: Iterable[Update]) -> None:
    """Set columns of rows; ``RISE`` counts a column up. Those of one shape go as one statement."""
    shapes: dict[tuple[tuple[tuple[str, bool], ...], Names], list[list[Any]]] = {}
    database = connections["default"]
    for columns, where in updates:
        shape = tuple((name, value is RISE) for name, value in columns.items()), tuple(where)
        _, writers = _updating(database.vendor, model, *shape)
        values = [value for value in columns.values() if value is not RISE]
        shapes.setdefault(shape, []).append([*_converted(writers, values), *where.values()])
    for shape, rows in shapes.items():
        _many(database, _updating(database.vendor, model, *shape)[0], rows)


def insert(model: type[Model], names: Names, rows: Sequence[Sequence[Any]]) -> None:
    """Add rows, each with a value for every name."""
    database = connections["default"]
    text, writers = _inserting(database.vendor, model, names)
    _many(database, text, [_converted(writers, row) for row in rows])


def insert_one(model: type[Model], names: Names, row: Sequence[Any]) -> int:
    """Add a row; returns its id."""
    database = connections["default"]
    text, writers = _inserting(database.vendor, model, names)
    with _driver(database) as driver:
        found = driver.execute(f'{text} RETURNING "id"', _converted(writers, row)).fetchone()
    return int(found[0])


def _converted(converters: list[Convert | None], row: Iterable[Any]) -> list[Any]:
    return [convert(value) if convert else value for convert, value in zip(converters, row, strict=True)]


def _flat(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, tuple):
            yield from _flat(value)
        else:
            yield value


@contextmanager
def _driver(database: BaseDatabaseWrapper) -> Iterator[Any]:
    """The driver's own connection: Django's cursor costs as much again as a short statement."""
    database.ensure_connection()
    with database.wrap_database_errors:
        yield database.connection


def _many(database: BaseDatabaseWrapper, text: str, rows: Sequence[Sequence[Any]]) -> None:
    if not rows:
        return
    with _driver(database) as driver:
        if len(rows) == 1:
            driver.execute(text, rows[0])
        else:
            driver.cursor().executemany(text, rows)


@lru_cache
def _fields(model: type[Model]) -> dict[str, Field[Any, Any]]:
    return {field.attname: field for field in model._meta.concrete_fields}


def _reader(vendor: str, field: Field[Any, Any]) -> Convert | None:
    if isinstance(field, JSONField):
        return json.loads
    return _aware if vendor == "sqlite" and isinstance(field, DateTimeField) else None


def _aware(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=UTC) if time else None


def _writer(vendor: str, field: Field[Any, Any]) -> Convert | None:
    """What makes a value fit for the column; numbers, texts and truths are as they are."""
    if isinstance(field, JSONField):
        adapt = connections["default"].ops.adapt_json_value
        return lambda value: adapt(value, None)
    return _naive if vendor == "sqlite" and isinstance(field, DateTimeField) else None


def _naive(time: datetime | None) -> str | None:
    return str(time.astimezone(UTC).replace(tzinfo=None)) if time else None


def _mark(vendor: str) -> str:
    return "?" if vendor == "sqlite" else "%s"


@lru_cache(maxsize=1000)
def _selecting(
    vendor: str, model: type[Model], names: Names, where: Shape, lock: bool, order: str
) -> tuple[str, Names, list[Convert | None]]:
    fields = _fields(model)
    # As the model has them: ``from_db`` takes values in that order.
    names = tuple(name for name in fields if name in names)
    quote = connections["default"].ops.quote_name
    text = f"SELECT {', '.join(map(quote, names))} FROM {quote(model._meta.db_table)}"
    text += f" WHERE {' AND '.join(_is(vendor, *one) for one in where)} ORDER BY {quote(order)}"
    if lock and vendor != "sqlite":
        text += " FOR UPDATE"
    return text, names, [_reader(vendor, fields[name]) for name in names]


def _is(vendor: str, name: str | Names, many: int) -> str:
    """A column with a value or one of many, or some columns with one of many rows of values."""
    quote, mark = connections["default"].ops.quote_name, _mark(vendor)
    if isinstance(name, str):
        return f"{quote(name)} IN ({', '.join([mark] * many)})" if many else f"{quote(name)} = {mark}"
    # Not IN (VALUES ...): there SQLite reads the whole table.
    row = "(" + " AND ".join(f"{quote(part)} = {mark}" for part in name) + ")"
    return "(" + " OR ".join([row] * many) + ")"


@lru_cache(maxsize=1000)
def _updating(
    vendor: str, model: type[Model], columns: tuple[tuple[str, bool], ...], where: Names
) -> tuple[str, list[Convert | None]]:
    quote, mark = connections["default"].ops.quote_name, _mark(vendor)
    sets = [f"{quote(name)} = " + (f"{quote(name)} + 1" if rises else mark) for name, rises in columns]
    text = f"UPDATE {quote(model._meta.db_table)} SET {', '.join(sets)}"
    text += f" WHERE {' AND '.join(f'{quote(name)} = {mark}' for name in where)}"
    return text, [_writer(vendor, _fields(model)[name]) for name, rises in columns if not rises]


@lru_cache
def _inserting(vendor: str, model: type[Model], names: Names) -> tuple[str, list[Convert | None]]:
    quote = connections["default"].ops.quote_name
    text = f"INSERT INTO {quote(model._meta.db_table)} ({', '.join(map(quote, names))})"
    text += f" VALUES ({', '.join([_mark(vendor)] * len(names))})"
    return text, [_writer(vendor, _fields(model)[name]) for name in names]
