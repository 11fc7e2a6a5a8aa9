"""Every event in both languages: short, whole, and with nothing in it that breaks out."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import override_settings

from interlock.notify.events import EVENTS
from interlock.notify.rendering import Story, render
from interlock.words import SENTENCES

STORY = Story(
    title="Restart shop",
    page="/runs/7",
    project="shop",
    asked_by="ann",
    by="bob",
    reason="not on a Friday",
    decision="rejected",
    quorum=2,
    people=("bob", "cy"),
    deadline=datetime(2026, 11, 21, 18, 30, tzinfo=UTC),
    on_deadline="reject",
    why=("why_confirm", {"name": "Roll", "batch": 2}),
    broken=(("Restart", "exit_code"),),
    seconds=3725,
)
WANTED = {
    "run_started": (["Project: shop", "ann"], ["项目：shop", "ann"]),
    "run_succeeded": (["1:02:05"], ["用时 1:02:05"]),
    "run_failed": (["“Restart”: exit_code"], ["“Restart”：exit_code"]),
    "run_canceled": (["By bob", "not on a Friday"], ["操作人：bob", "原因：not on a Friday"]),
    "run_held": (["waits for a go-on after batch 2"], ["Roll", "2"]),
    "approval_opened": (["Votes needed: 2", "bob, cy", "2026-11-21 18:30 UTC; then it counts as rejected"],
                        ["需要票数：2", "bob, cy", "2026-11-21 18:30 UTC，届时视为拒绝"]),
    "approval_due": (["Until 2026-11-21 18:30 UTC"], ["截止 2026-11-21 18:30 UTC"]),
    "approval_decided": (["By bob"], ["操作人：bob"]),
    "schedule_skipped": (["Project: shop"], ["项目：shop"]),
    "schedule_stopped": (["not on a Friday"], ["not on a Friday"]),
    "build_succeeded": (["Project: shop"], ["项目：shop"]),
    "build_failed": (["Project: shop"], ["项目：shop"]),
    "test": (["Sent by ann"], ["由 ann 发送"]),
    "step": ([], []),
}  # fmt: skip


def test_every_event_is_wanted_here() -> None:
    assert set(WANTED) == {*EVENTS, "test", "step"}


@pytest.mark.parametrize("event", sorted(WANTED))
@override_settings(PUBLIC_URL="https://interlock.example.com/")
def test_an_event_in_both_languages(event: str) -> None:
    english, chinese = render(event, STORY, "en"), render(event, STORY, "zh-hans")
    for told, wanted in zip((english, chinese), WANTED[event], strict=True):
        assert [piece for piece in wanted if piece not in told.text] == []
        assert "Restart shop" in told.title and "%" not in told.title + told.text
        assert told.link == "https://interlock.example.com/runs/7"
        assert len(told.text.splitlines()) <= 8
    if event != "step":
        assert english.title != chinese.title and english.text != chinese.text
        assert any("\u4e00" <= character <= "\u9fff" for character in chinese.title)


@pytest.mark.parametrize("decision", ["approved", "rejected", "expired"])
def test_how_an_approval_was_decided(decision: str) -> None:
    titles = {
        language: render("approval_decided", Story(title="x", decision=decision), language).title
        for language in ("en", "zh-hans")
    }
    assert titles["en"] != titles["zh-hans"]


def test_what_somebody_typed_stays_in_its_line() -> None:
    told = render("run_canceled", Story(title="a\nb\r\nc", reason="x\nBcc: y" + "z" * 9999), "en")
    assert told.title == "a b c: stopped"
    assert told.text.splitlines()[0].startswith("Reason: x Bcc: y") and len(told.text) <= 500


def test_the_sentences_of_codes_are_known() -> None:
    # The API has told the renderer where they are.
    assert (
        str(SENTENCES["why_manual"]) % {"name": "Go"}
        in render("run_held", Story(why=("why_manual", {"name": "Go"})), "en").text
    )
