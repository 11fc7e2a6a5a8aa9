"""The step kind ``notify``: a message of the template's own, at least once to each channel it names."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from interlock.lifecycle.fields import Choice, Fault, Filled, Flag, List, Text
from interlock.lifecycle.filling import Unfilled, fill, values_of
from interlock.lifecycle.refused import Refused
from interlock.lifecycle.run.states import StepStatus
from interlock.notify import delivery, queries, services
from interlock.notify.events import LEVELS
from interlock.notify.rendering import Story
from interlock.notify.sending import Said, send
from interlock.runs.kinds.base import SUCCEEDED, Declared, Outcome, Work

# The step tries first; when its worker dies, whoever sends the other messages takes over.
OTHERS_WAIT = timedelta(seconds=30)


class Notify(Declared):
    """It does not fail the run: what does not arrive now is tried again by itself, for a day. With
    ``must_arrive`` the step fails where a channel fails, and its ``on_failure`` says what then."""

    name = "notify"
    on_hosts = False
    fields = {
        "channels": List(Text(100), least=1, most=10, required=True),
        "text": Filled(4000, required=True),
        "title": Filled(200),
        "level": Choice(*LEVELS),
        "must_arrive": Flag(),
    }

    def lacks(self, params: Mapping[str, Any], project_id: int) -> Iterator[Fault]:
        known = queries.named(project_id, params["channels"])
        for number, name in enumerate(params["channels"]):
            if name not in known:
                yield Fault(("channels", number), "channel_named_not_known", {"name": name})

    async def carry_out(self, work: Work) -> Outcome:
        params = work.step.params
        try:
            messages = await work.in_database(lambda: _queue(work))
        except Unfilled as unfilled:
            await work.say(f"no parameter is called {unfilled.name}")
            return Outcome(StepStatus.FAILED, error="message_not_sent")
        arrived = len(messages) == len(set(params["channels"]))
        if not arrived:
            await work.say("channels that are not there or not enabled any more are left out")
        for name, message_id in sorted(messages.items()):
            arrived = await _send(work, name, message_id) and arrived
        if arrived or not params.get("must_arrive", False):
            return SUCCEEDED
        return Outcome(StepStatus.FAILED, error="message_not_sent")


def _queue(work: Work) -> dict[str, int]:
    """Channel name -> its message. The second call for a step finds those of the first."""
    params, values = work.step.params, values_of(work.run.parameters)
    title = fill(params.get("title", ""), values) or work.run.title
    story = Story(
        title=title, text=fill(params["text"], values), level=params.get("level", "info"),
        page=f"/runs/{work.run.id}",
    )  # fmt: skip
    channels = [row for row in queries.named(work.run.project_id, params["channels"]).values() if row.enabled]
    services.queue(
        channels=channels, key=work.call_key, event="step", story=story, project_id=work.run.project_id,
        run_id=work.run.id, first_try_in=OTHERS_WAIT,
    )  # fmt: skip
    found = queries.messages_of_key(work.call_key, [row.pk for row in channels])
    return {row.name: found[row.pk] for row in channels}


async def _send(work: Work, name: str, message_id: int) -> bool:
    claimed = await work.in_database(lambda: services.claim(message_id))
    if claimed is None:
        status = await work.in_database(lambda: queries.status_of(message_id))
        await work.say(f"{name}: {status}")
        return status == "sent"
    try:
        packed = await work.in_database(lambda: delivery.pack(claimed))
        # Off the loop: it may wait as long as a far side may hang.
        said = await asyncio.to_thread(send, *packed)
    except Refused as refused:
        said = Said(refused.code, "", 0.0)
    await work.in_database(lambda: services.settle(claimed, said))
    text = "sent" if said.sent else f"not sent yet ({said.code}), and tried again"
    await work.say(f"{name}: {text} {said.text}".rstrip())
    return said.sent
