"""Messages on their way: each once, however many send; a channel that fails rests and holds up no other."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from cryptography.fernet import Fernet
from django.db import connections

from interlock.notify import delivery, services
from interlock.notify.models import Channel, Message
from interlock.notify.rendering import Story
from tests.cast import Cast
from tests.farside import SECONDS, FarSide, far_side
from tests.notify.conftest import webhook

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


def wait_for(channel: Channel, *keys: str) -> None:
    for key in keys:
        services.queue(
            channels=[channel], key=key, event="run_failed", story=Story(title=key), project_id=None
        )


def states(channel: Channel) -> list[tuple[str, str]]:
    return list(Message.objects.filter(channel=channel).order_by("id").values_list("key", "status"))


def later(**time: float) -> time_machine.travel:
    return time_machine.travel(datetime.now(UTC) + timedelta(**time))


def test_two_workers_at_once_send_once(cast: Cast, side: FarSide) -> None:
    side.answer("hang")
    channel = webhook(cast, side)
    wait_for(channel, "a")
    first = threading.Thread(target=delivery._in_thread, args=(channel.id,))
    first.start()
    assert side.came.wait(SECONDS)
    # While the first is at it, nothing is due and nobody else can take it.
    assert delivery.work_off(channel.id) == 0 and services.due_channels() == []
    assert services.claim(Message.objects.get().id) is None
    side.answer(200)
    side.go_on.set()
    first.join(SECONDS)
    assert len(side.asked) == 1


def test_many_claims_and_one_winner(cast: Cast, side: FarSide) -> None:
    channel = webhook(cast, side)
    wait_for(channel, "a")
    message_id, won, ready = Message.objects.get().id, [], threading.Barrier(4)

    def claim() -> None:
        ready.wait(SECONDS)
        won.append(services.claim(message_id))
        connections.close_all()

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert len([claimed for claimed in won if claimed]) == 1 and len(won) == 4


def test_killed_between_sending_and_marking_it_is_sent_again_as_the_same(cast: Cast, side: FarSide) -> None:
    channel = webhook(cast, side)
    wait_for(channel, "a")
    claimed = services.claim(Message.objects.get().id)
    assert claimed is not None and delivery.carry(claimed).sent  # and here the worker dies
    assert delivery.work_off(channel.id) == 0
    with later(seconds=61):
        assert delivery.work_off(channel.id) == 1
        services.settle(claimed, delivery.carry(claimed))  # what the dead one says is not heard any more
    row = Message.objects.get()
    assert (row.status, row.tries) == ("sent", 2)
    assert {asked.headers["idempotency-key"] for asked in side.asked} == {str(row.uid)}
    assert {asked.json["id"] for asked in side.asked} == {str(row.uid)}


def test_a_channel_that_fails_rests_and_then_goes_on(cast: Cast, side: FarSide) -> None:
    side.answer((500, {}, b"no such hook: t0ken-in-the-path"), 200)
    with far_side() as well:
        broken, good = webhook(cast, side), webhook(cast, well, "good")
        wait_for(broken, "a", "b")
        wait_for(good, "c")
        assert delivery.work_off(broken.id) == 0
        assert services.due_channels() == [good.id]
        assert delivery.work_off(good.id) == 1
    broken.refresh_from_db()
    assert (broken.failures, broken.error, broken.said) == (
        1, "channel_refused", "500 no such hook: *****************",
    )  # fmt: skip
    assert len(side.asked) == 1  # the second message was not even tried
    with later(seconds=10):
        assert delivery.work_off(broken.id) == 2
    broken.refresh_from_db()
    assert (broken.failures, broken.rest_until, broken.said) == (0, None, "")
    assert states(broken) == [("a", "sent"), ("b", "sent")]


def test_a_vault_without_its_key_is_like_a_channel_that_is_away(
    cast: Cast, side: FarSide, settings: Any, tmp_path: Path
) -> None:
    channel = webhook(cast, side)
    wait_for(channel, "a")
    settings.KEY_FILE = tmp_path / "another.key"
    settings.KEY_FILE.write_bytes(Fernet.generate_key())
    assert delivery.work_off(channel.id) == 0
    assert Message.objects.values_list("status", "error").get() == ("pending", "secret_unreadable")


def test_what_does_not_arrive_for_a_day_is_given_up(cast: Cast, side: FarSide) -> None:
    side.answer(500)
    channel = webhook(cast, side)
    wait_for(channel, "a")
    assert delivery.work_off(channel.id) == 0 and states(channel) == [("a", "pending")]
    with later(hours=25):
        assert delivery.work_off(channel.id) == 0
    assert states(channel) == [("a", "given_up")]
    with later(days=91):
        assert services.forget_old() == 1
        assert services.forget_old() == 0


def test_a_hanging_channel_holds_up_no_other(
    cast: Cast, side: FarSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    side.answer("hang")
    with far_side() as well:
        hanging, good = webhook(cast, side), webhook(cast, well, "good")
        wait_for(hanging, "a")
        wait_for(good, "b")
        delivery.begin_due()
        assert side.came.wait(SECONDS) and well.came.wait(SECONDS)
        delivery.begin_due()  # and the hanging one is not begun twice
        side.answer(200)
        side.go_on.set()
        for thread in threading.enumerate():
            if thread.name.startswith("interlock-notify"):
                thread.join(SECONDS)
        assert [len(side.asked), len(well.asked)] == [1, 1]
        assert states(good) == [("b", "sent")]
