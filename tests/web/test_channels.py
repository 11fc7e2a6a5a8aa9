"""Channels on pages: addresses go in and never come out, a test tells what the far side said."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from interlock.notify.models import Channel, Message, Subscription
from interlock.vault.services import reveal
from interlock.web.door import kept_form
from tests.cast import Cast, make_cast
from tests.farside import FarSide
from tests.notify.conftest import KEY, PATH, side, webhook
from tests.web.test_templates import EVIL, errors, make, task_of
from tests.web.visits import Visitor, text

__all__ = ["side"]
pytestmark = pytest.mark.django_db(databases="__all__")
ADDRESS = "https://oapi.dingtalk.com/robot/send?access_token=t0ken-of-the-robot"


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def form(cast: Cast, **more: Any) -> dict[str, Any]:
    plain = {"name": "ops", "kind": "dingtalk", "secret_address": ADDRESS, "language": "zh-hans"}
    return {"project": cast.project_id, **plain, **more}


def test_an_address_goes_in_and_is_never_shown(cast: Cast) -> None:
    visitor = Visitor(cast.dee)
    answer = visitor.post("/channels/new", **form(cast, sender="what@was.hidden"))
    row = Channel.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, f"/channels/{row.id}")
    assert (row.sender, row.language, row.project_id) == ("", "zh-hans", cast.project_id)
    for path in ("/channels", f"/channels/{row.id}", f"/channels/{row.id}/edit"):
        page = visitor.text(path)
        assert "ops" in page and "t0ken" not in page
    sent = {"name": "night", "language": "en"}
    assert visitor.post(f"/channels/{row.id}/edit", **sent).status_code == 303
    row.refresh_from_db()
    assert row.name == "night" and ADDRESS in reveal(row.secret_id)


def test_faults_are_at_their_fields_and_the_address_is_asked_for_again(cast: Cast) -> None:
    wrong = form(cast, name=EVIL, kind="webhook", secret_signing_key="short-key")
    answer = Visitor(cast.dee).post("/channels/new", **wrong)
    assert answer.status_code == 422 and errors(answer) == ["secret_signing_key"]
    page = text(answer)
    assert EVIL not in page and "&lt;script&gt;" in page
    assert "t0ken" not in page and "short-key" not in page and "once more" in page


def test_an_address_does_not_outlive_the_session_it_was_written_in(cast: Cast) -> None:
    answer = Client().post("/channels/new", form(cast, secret_signing_key="a-key-to-sign-with"))
    kept = kept_form(answer.context["kept"])
    assert answer.status_code == 401 and kept is not None
    assert {name for name, _value in kept["fields"]} == {"project", "name", "kind", "language"}


def test_the_far_side_is_told_at_once_and_what_it_said_is_shown(cast: Cast, side: FarSide) -> None:
    row = webhook(cast, side, name=EVIL)
    visitor = Visitor(cast.dee)
    assert "The test message was taken" in text(visitor.post(f"/channels/{row.id}/test"))
    side.answer((403, {}, f"no {EVIL} {KEY}".encode()))
    page = text(visitor.post(f"/channels/{row.id}/test"))
    assert "did not take the message" in page and "&lt;script&gt;" in page
    assert EVIL not in page and KEY not in page and PATH not in page
    assert len(side.asked) == 2
    assert Visitor(cast.ann).post(f"/channels/{row.id}/test").status_code == 403


def test_subscriptions_are_made_and_taken_away(cast: Cast, side: FarSide) -> None:
    row, task = webhook(cast, side), task_of(cast, make(cast))
    visitor, path = Visitor(cast.dee), f"/channels/{row.id}"
    lacking = visitor.post(f"{path}/subscribe", of=f"task:{task.id}")
    assert lacking.status_code == 422 and errors(lacking) == ["events"]
    for of in (f"task:{task.id}", f"project:{cast.project_id}"):
        assert visitor.post(f"{path}/subscribe", of=of, events=["run_failed", "run_held"]).status_code == 303
    assert visitor.post(f"{path}/subscribe", of="all", events=["run_failed"]).status_code == 422
    first, second = Subscription.objects.order_by("id")
    assert (first.task_id, second.task_id, second.events) == (task.id, None, ["run_failed", "run_held"])
    page = visitor.text(path)
    assert "Restart hello" in page and "run needs a person" in page
    visitor.post(f"/channels/subscriptions/{first.id}/delete")
    assert Subscription.objects.get() == second


def test_messages_are_told_with_what_became_of_them(cast: Cast, side: FarSide) -> None:
    row, at = webhook(cast, side), datetime(2026, 11, 21, tzinfo=UTC)
    Message.objects.create(
        channel=row, key="x", event="run_failed", project_id=cast.project_id, title=EVIL, status="given_up",
        error="channel_refused", said="403 no", due_at=at, created_at=at, tries=7,
    )  # fmt: skip
    page = Visitor(cast.cy).text(f"/channels/{row.id}")
    assert "given up" in page and "did not take the message" in page and "403 no" in page
    assert EVIL not in page and "7 tries" in page


def test_switching_off_and_deleting_is_for_who_may_configure(cast: Cast, side: FarSide) -> None:
    row = webhook(cast, side)
    for who in (cast.ann, cast.cy):
        visitor = Visitor(who)
        assert visitor.post(f"/channels/{row.id}/change", act="delete").status_code == 403
        assert visitor.get(f"/channels/{row.id}/edit").status_code == 403
        assert visitor.get("/channels/new").status_code == 403
        assert "data-ask" not in visitor.text(f"/channels/{row.id}")
    stranger = Visitor(make_cast("other").dee)
    assert stranger.get(f"/channels/{row.id}").status_code == 404
    visitor = Visitor(cast.dee)
    visitor.post(f"/channels/{row.id}/change", act="disable")
    assert not Channel.objects.get().enabled and "switched off" in visitor.text("/channels")
    visitor.post(f"/channels/{row.id}/change", act="enable")
    assert Channel.objects.get().enabled
    assert visitor.post(f"/channels/{row.id}/change", act="delete")["Location"] == "/channels"
    assert not Channel.objects.exists()
    platform = form(cast, project="")
    assert visitor.post("/channels/new", **platform).status_code == 422
    assert Visitor(cast.root).post("/channels/new", **platform).status_code == 303
