"""``approval`` and ``wait``: carried out by the engine itself; they hold no worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from interlock.lifecycle.fields import Choice, Fault, Flag, List, Moment, Number, Text
from interlock.runs.kinds.base import Declared, Outcome, Work

LONGEST = 366 * 24 * 3600  # seconds


class Approval(Declared):
    name = "approval"
    on_hosts = False
    by_worker = False
    fields = {
        "quorum": Number(1, 50),
        "people": List(Text(64), most=200),
        "not_requester": Flag(),
        "deadline": Number(1, LONGEST, whole=False),
        "on_deadline": Choice("reject", "approve"),
        "note": Text(4000, least=0),
    }

    def rules(self, params: Mapping[str, Any]) -> Iterator[Fault]:
        people, quorum = set(params.get("people", [])), params.get("quorum", 1)
        if people and quorum > len(people):
            yield Fault(("quorum",), "quorum_out_of_reach", {"quorum": quorum, "people": len(people)})

    async def carry_out(self, work: Work) -> Outcome:
        raise TypeError("an approval is never claimed")


class Wait(Declared):
    """For ``seconds``, ``until`` a time, or (``manual``) until a person says go on."""

    name = "wait"
    on_hosts = False
    by_worker = False
    fields = {"seconds": Number(0, LONGEST, whole=False), "until": Moment(), "manual": Flag()}

    def rules(self, params: Mapping[str, Any]) -> Iterator[Fault]:
        if len(params) != 1 or params.get("manual") is False:
            yield Fault((), "wait_for_one_thing")

    async def carry_out(self, work: Work) -> Outcome:
        raise TypeError("a wait is never claimed")
