"""The step kind ``notify``: said at least once, and no run fails of a channel unless it is asked to."""

from __future__ import annotations

import pytest

from interlock.lifecycle.refused import Refused
from interlock.lifecycle.run.plan import StepPlan
from interlock.lifecycle.run.states import StepStatus
from interlock.notify.kind import Notify
from interlock.notify.models import Message
from interlock.notify.services import change_channel, create_channel
from interlock.runs.adhoc import start_adhoc
from tests.cast import Cast
from tests.farside import FarSide
from tests.notify.conftest import webhook
from tests.runs.attempts import Attempts

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


def attempts(cast: Cast) -> Attempts:
    return Attempts(Notify(), project_id=cast.project_id, parameters={"PARAM_WHO": "ann; rm -rf {who} $HOME"})


def test_a_message_of_the_templates_own(cast: Cast, side: FarSide) -> None:
    webhook(cast, side)
    create_channel(by=cast.root, name="all", kind="slack", address=side.url + "/all")
    tries = attempts(cast)
    outcome = tries.make(channels=["ops", "all"], text="Done by {who}", level="success")
    assert outcome.status is StepStatus.SUCCEEDED
    said = {asked.path: asked.json for asked in side.asked}
    told = said["/hook/t0ken-in-the-path?key=t0ken-in-the-query"]
    assert (told["text"], told["title"]) == ("Done by ann; rm -rf {who} $HOME", "Restart shop")
    assert (told["level"], told["event"]) == ("success", "step")
    assert set(said) == {"/all", "/hook/t0ken-in-the-path?key=t0ken-in-the-query"}
    # A worker that died is followed by another: what was said is not said again.
    assert tries.make(adopted=True, channels=["ops", "all"], text="Done").status is StepStatus.SUCCEEDED
    assert len(side.asked) == 2 and set(Message.objects.values_list("status", flat=True)) == {"sent"}


def test_a_channel_that_fails(cast: Cast, side: FarSide) -> None:
    webhook(cast, side)
    side.answer((500, {}, b"t0ken-in-the-path"))
    tries = attempts(cast)
    assert tries.make(channels=["ops"], text="x").status is StepStatus.SUCCEEDED
    assert "not sent yet (channel_refused)" in tries.log() and "t0ken" not in tries.log()
    assert Message.objects.get().status == "pending"  # and is tried again by itself
    wanted = tries.make(2, channels=["ops"], text="x", must_arrive=True)
    assert (wanted.status, wanted.error) == (StepStatus.FAILED, "message_not_sent")
    side.answer(200)
    assert tries.make(3, channels=["ops"], text="x", must_arrive=True).status is StepStatus.SUCCEEDED
    assert len({asked.headers["idempotency-key"] for asked in side.asked}) == 1


def test_a_channel_that_is_gone(cast: Cast, side: FarSide) -> None:
    channel = webhook(cast, side)
    change_channel(by=cast.dee, channel_id=channel.id, enabled=False)
    tries = attempts(cast)
    assert tries.make(channels=["ops"], text="x").status is StepStatus.SUCCEEDED
    assert tries.make(2, channels=["ops"], text="x", must_arrive=True).status is StepStatus.FAILED
    assert side.asked == []


def test_what_is_refused_before_anything_starts(cast: Cast, side: FarSide) -> None:
    webhook(cast, side)
    refused = [
        ({"channels": ["opps"], "text": "x"}, "channel_named_not_known"),
        ({"channels": ["ops"], "text": "{token}"}, "filling_not_declared"),
        ({"channels": [], "text": "x"}, "param_not_a_list"),
        ({"channels": ["ops"]}, "param_missing"),
    ]
    for params, code in refused:
        step = StepPlan("Tell", "notify", params)
        with pytest.raises(Refused) as error:
            start_adhoc(by=cast.ann, project_id=cast.project_id, title="t", stages=[[step]])
        assert error.value.code == code
