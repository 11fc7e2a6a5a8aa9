"""The journal: who did what, to what, when and why; and the same as a file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_GET

from interlock.accounts.queries import projects
from interlock.accounts.rights import visible_projects
from interlock.journal.queries import entries
from interlock.web.acts import ACTS, SUBJECTS
from interlock.web.door import PageRequest, signed_in
from interlock.web.labels import word
from interlock.web.pages.hosts import number
from interlock.web.paging import part_of
from interlock.web.subjects import names_of

FILTERS = ("actor", "subject", "subject_id", "act", "project", "since", "until")
COLUMNS = ("id", "at", "actor_kind", "actor_name", "project_id", "subject", "subject_id", "act",
           "from_status", "to_status", "reason", "facts")  # fmt: skip
CHUNK = 1000  # rows of a file that are in memory at a time


def _day(text: str | None) -> datetime | None:
    try:
        found = parse_date(text or "")
    except ValueError:  # the 31st of a month that has none
        return None
    return datetime(found.year, found.month, found.day, tzinfo=UTC) if found else None


def _asked(request: PageRequest) -> QuerySet[Any]:
    asked = request.GET
    until = _day(asked.get("until"))
    clean = {name: asked.get(name, "").strip()[:150].replace("\0", "") for name in FILTERS}
    return entries(
        project_ids=visible_projects(request.caller),
        subject=clean["subject"] or None,
        subject_id=number(clean["subject_id"]),
        act=clean["act"] or None,
        project_id=number(clean["project"]),
        actor=clean["actor"],
        since=_day(asked.get("since")),
        until=until + timedelta(days=1) if until and until.year < 9999 else None,  # that day included
    )


@signed_in
@require_GET
def listed(request: PageRequest) -> HttpResponse:
    by = request.caller
    part = part_of(_asked(request), request, order="-id")
    names = names_of(by, [(row.subject, row.subject_id) for row in part.rows])
    facts: dict[str, Any] = {
        "entries": [
            {"row": row, "name": names.get((row.subject, row.subject_id), ""), "facts": _told(row.facts)}
            for row in part.rows
        ],
        "following": part.following,
        "filtered": any(request.GET.get(name) for name in FILTERS),
    }
    if request.htmx:
        return render(request, "web/_journal.html", facts)
    subject_id = number(request.GET.get("subject_id"))
    subject = request.GET.get("subject", "")
    facts |= {
        "subjects": sorted(SUBJECTS.items(), key=lambda item: str(item[1])),
        "acts": _offered_acts(),
        "projects": projects(by=by).order_by("name")[:200],
        "of": names_of(by, [(subject, subject_id)]).get((subject, subject_id), "") if subject_id else "",
    }
    return render(request, "web/journal.html", facts)


def _told(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
            for name, value in facts.items()]  # fmt: skip


def _offered_acts() -> list[tuple[str, list[tuple[str, object]]]]:
    """By what they are done to; the first of each means all of them."""
    kinds: dict[str, list[tuple[str, object]]] = {}
    for code, text in ACTS.items():
        kinds.setdefault(code.split(".")[0], []).append((code, text))
    return sorted((str(word("subject", kind)), acts) for kind, acts in kinds.items())


@signed_in
@require_GET
def export(request: PageRequest) -> HttpResponseBase:
    """The filtered view, all of it, in pieces: it is never whole in memory."""
    as_csv = request.GET.get("as") != "jsonl"
    draw, name, kind = (
        (_csv, "journal.csv", "text/csv") if as_csv else (_lines, "journal.jsonl", "application/jsonl")
    )
    answer = StreamingHttpResponse(_pieces(_asked(request), draw), content_type=f"{kind}; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["Cache-Control"] = "no-store"
    return answer


async def _pieces(rows: QuerySet[Any], draw: Callable[[list[Any], bool], str]) -> AsyncIterator[bytes]:
    before: int | None = None
    while True:
        found = await sync_to_async(_chunk)(rows, before)
        if found or before is None:
            yield draw(found, before is None).encode()
        if len(found) < CHUNK:
            return
        before = found[-1]["id"]


def _chunk(rows: QuerySet[Any], before: int | None) -> list[Any]:
    narrowed = rows if before is None else rows.filter(id__lt=before)
    return list(narrowed.values(*COLUMNS)[:CHUNK])


def _csv(rows: list[Any], first: bool) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    if first:
        text.write("\ufeff")  # else spreadsheets take Chinese for something else
        writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_cell(_plain(row)[name]) for name in COLUMNS])
    return text.getvalue()


def _cell(value: Any) -> Any:
    """A spreadsheet would carry out what begins like a formula."""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
    return f"'{text}" if isinstance(text, str) and text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _lines(rows: list[Any], first: bool) -> str:
    return "".join(json.dumps(_plain(row), ensure_ascii=False) + "\n" for row in rows)


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "at": row["at"].isoformat()}
