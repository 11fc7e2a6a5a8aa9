"""The journal as a page and as a file: what one may see of it, found, in words, and only ever as text."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import async_to_sync
from django.http import StreamingHttpResponse
from django.test import AsyncClient

from interlock.accounts.caller import Caller
from interlock.journal.actor import Actor
from interlock.journal.models import Entry
from interlock.journal.services import NewEntry, append
from interlock.web.pages import journal
from tests.cast import Cast, make_cast
from tests.web.visits import Visitor, make_place, text

pytestmark = pytest.mark.django_db(databases="__all__")
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def write(cast: Cast, **more: object) -> None:
    plain: dict[str, object] = {"actor": cast.ann, "subject": "service", "act": "service.changed"}
    append(NewEntry(**(plain | {"subject_id": 7, "project_id": cast.project_id} | more)))  # type: ignore[arg-type]


def download(who: Caller, **query: str) -> str:
    """As the server sends it: the file is drawn in pieces by its event loop."""
    client = AsyncClient()
    visitor = Visitor(who)
    client.cookies = visitor.client.cookies

    async def whole() -> str:
        answer = await client.get("/journal/export", query)
        assert isinstance(answer, StreamingHttpResponse)
        return b"".join([piece async for piece in answer]).decode()  # type: ignore[union-attr]

    return async_to_sync(whole)()


def test_it_is_narrowed_by_who_what_and_when(cast: Cast) -> None:
    Entry.objects.all().delete()
    _, (host,) = make_place(cast, "web-1")
    write(cast, reason="because")
    write(cast, actor=Actor("hook", "3", "gitlab"), act="version.requested", subject="version")
    write(cast, at=datetime.now(UTC) - timedelta(days=9), act="run.started", subject="run")
    visitor = Visitor(cast.root)

    def found(**query: object) -> list[str]:
        return [item["row"].act for item in visitor.get("/journal", **query).context["entries"]]  # type: ignore[attr-defined]

    today = datetime.now(UTC).date().isoformat()
    assert found(actor="gitlab") == ["version.requested"]
    assert found(subject="service") == ["service.changed"]
    assert found(subject="host", subject_id=host) == ["host.created"]
    assert found(act="environment.created") == ["environment.created"]
    assert found(act="version.") == ["version.requested"]
    assert "run.started" not in found(since=today)
    assert found(until="2000-01-01") == []
    assert (
        len(found(until=today)) == len(found()) == len(found(since="the 31st", project="x", subject_id="1e9"))
    )
    assert len(found(project=cast.project_id)) == 3


def test_acts_are_said_in_both_languages_and_subjects_are_linked(cast: Cast) -> None:
    _, (host,) = make_place(cast, "web-1")
    visitor = Visitor(cast.root)
    page = text(visitor.get("/journal", subject="host"))
    assert f'<a href="/hosts/{host}">web-1</a>' in page and ">registered<" in page
    visitor.client.cookies["django_language"] = "zh-hans"
    assert ">已登记<" in text(visitor.get("/journal", subject="host"))


def test_what_somebody_wrote_is_text_wherever_it_stands(cast: Cast) -> None:
    write(cast, reason=EVIL, facts={EVIL: EVIL, "name": EVIL}, act="x.y", subject="thing",
          actor=Actor("person", "1", EVIL))  # fmt: skip
    page = text(Visitor(cast.root).get("/journal"))
    assert EVIL not in page and "&lt;script&gt;" in page
    assert EVIL not in text(Visitor(cast.root).get("/journal", actor=EVIL, act=EVIL, since=EVIL))


def test_one_sees_ones_projects_and_the_platforms_own_only_as_administrator(cast: Cast) -> None:
    other = make_cast("tools")
    write(cast)
    write(other, project_id=other.project_id)
    for who in (cast.ann, cast.bob, cast.cy, cast.dee):
        seen = {item["row"].project_id for item in Visitor(who).get("/journal").context["entries"]}  # type: ignore[attr-defined]
        assert seen == {cast.project_id}
    everything = Visitor(cast.root).get("/journal").context["entries"]  # type: ignore[attr-defined]
    assert {cast.project_id, other.project_id, None} <= {item["row"].project_id for item in everything}


def test_a_part_leads_on_to_the_next_without_a_gap(cast: Cast) -> None:
    for _ in range(120):
        write(cast)
    visitor, seen, after = Visitor(cast.ann), [], ""
    while True:
        part = visitor.get("/journal", after=after).context  # type: ignore[attr-defined]
        seen += [item["row"].id for item in part["entries"]]
        if not (after := part["following"]):
            break
    assert len(seen) == len(set(seen)) >= 120
    assert seen == sorted(seen, reverse=True)


@pytest.mark.django_db(transaction=True)
def test_the_file_holds_what_the_page_shows_and_starts_no_formula(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "CHUNK", 7)
    for number in range(20):
        write(cast, reason="=1+1", facts={"number": number, "词": "中文"})
    rows = list(csv.DictReader(io.StringIO(download(cast.ann, act="service.changed").removeprefix("\ufeff"))))
    assert [json.loads(row["facts"])["number"] for row in rows] == list(range(19, -1, -1))
    assert {row["reason"] for row in rows} == {"'=1+1"}
    lines = download(cast.ann, **{"as": "jsonl", "act": "service.changed"}).splitlines()
    assert [json.loads(line)["facts"]["词"] for line in lines] == ["中文"] * 20
    assert json.loads(lines[0])["reason"] == "=1+1"
    assert download(cast.ann, act="host.created", subject="host").count("\n") == 1, "a heading and no rows"
