"""``approval`` and ``wait``: carried out by the engine itself; they hold no worker."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from interlock.lifecycle.refused import invalid
from interlock.runs.kinds.base import Outcome, Work
from interlock.runs.kinds.bodies import check_names

LONGEST = 366 * 24 * 3600  # seconds


def check_seconds(params: Mapping[str, Any], name: str, *, least: float = 1, most: float = LONGEST) -> None:
    value = params.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise invalid("param_out_of_range", param=name, least=least, most=most)


class Approval:
    name = "approval"

    def check(self, params: Mapping[str, Any], *, on_hosts: bool) -> None:
        if on_hosts:
            raise invalid("kind_not_on_hosts", step=self.name, step_kind=self.name)
        check_names(params, {"quorum", "people", "not_requester", "deadline", "on_deadline", "note"})
        if "quorum" in params:
            check_seconds(params, "quorum", least=1, most=50)
        if "deadline" in params:
            check_seconds(params, "deadline")
        if params.get("on_deadline", "reject") not in ("reject", "approve"):
            raise invalid("param_not_a_choice", param="on_deadline", choices="reject, approve")
        people = params.get("people", [])
        if not isinstance(people, list) or not all(isinstance(p, str) for p in people) or len(people) > 200:
            raise invalid("param_not_a_list", param="people")
        if people and params.get("quorum", 1) > len(set(people)):
            raise invalid("quorum_out_of_reach", quorum=params["quorum"], people=len(set(people)))

    async def carry_out(self, work: Work) -> Outcome:
        raise TypeError("an approval is never claimed")


class Wait:
    """For ``seconds``, ``until`` a time, or (``manual``) until a person says go on."""

    name = "wait"

    def check(self, params: Mapping[str, Any], *, on_hosts: bool) -> None:
        if on_hosts:
            raise invalid("kind_not_on_hosts", step=self.name, step_kind=self.name)
        check_names(params, {"seconds", "until", "manual"})
        if len(params) != 1:
            raise invalid("wait_for_one_thing")
        if "seconds" in params:
            check_seconds(params, "seconds", least=0)
        if "until" in params:
            try:
                until = datetime.fromisoformat(str(params["until"]))
            except ValueError:
                raise invalid("time_unreadable", value=str(params["until"])[:64]) from None
            if until.tzinfo is None:
                raise invalid("time_without_zone", value=str(params["until"])[:64])

    async def carry_out(self, work: Work) -> Outcome:
        raise TypeError("a wait is never claimed")
