"""What can be done about a run now, in words: what it will do, or why it cannot be done."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from interlock.accounts.caller import Caller
from interlock.lifecycle.refused import Refused
from interlock.lifecycle.run.states import RUN_ENDED, STEP_BROKEN, StepStatus
from interlock.runs import grid, queries
from interlock.runs.queries import RunRow, RunView, StepView, VerbView, step_body
from interlock.web import labels
from interlock.web.run_words import VERBS, VerbWords
from interlock.words import sentence

TAIL = 4096  # bytes of a log that a failure shows
TAIL_LINES = 12
ANSI = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])|[\x00-\x08\x0b-\x1f]")
Verbs = Mapping[tuple[str, str], VerbView]


@dataclass(frozen=True)
class Choice:
    """Something to do, in words: what it does, or why it cannot be done now."""

    verb: str
    key: str
    words: VerbWords
    why_not: str = ""

    @property
    def id(self) -> str:
        return f"{self.verb}-{self.key.replace('.', '-')}" if self.key else self.verb


@dataclass
class Decision:
    """What a person has to decide about a branch, with what one needs to know for it."""

    step: StepView
    kind: str  # held | broken | confirm | manual
    choices: dict[str, Choice]
    failures: list[grid.Failure] = field(default_factory=list)
    last_lines: str = ""
    body: str = ""
    unknown: bool = False
    more: int = 0  # failures beyond those that are shown
    broken_state: str = ""  # what those that failed are called, where they are all called the same


def told(facts: Mapping[str, object]) -> dict[str, object]:
    """Facts of a sentence, their codes put into words."""
    told = dict(facts)
    if "error" in told:
        told["error"] = labels.word("error", told["error"]) or "–"
    if "status" in told:
        told["status"] = labels.word("status", told["status"])
    return told


def run_choices(status: str, hold: str, verbs: Verbs) -> list[Choice]:
    """What is asked of the whole run; of one that has ended there is nothing to ask."""
    if status in RUN_ENDED:
        return []
    wanted = ["start"] if status == "pending" else ["start", "give-up"] if hold else []
    if verbs["resume", ""].allowed:
        wanted.append("resume")
    elif status in ("running", "waiting") and not hold:
        wanted.append("pause")
    wanted.append("stop")
    return [_choice(verbs[verb, ""]) for verb in wanted if (verb, "") in verbs]


def _choice(verb: VerbView, words: str = "") -> Choice:
    why_not = "" if verb.allowed else sentence(verb.reason, told(verb.facts))
    return Choice(verb.verb, verb.key, VERBS[words or verb.verb], why_not)


def undecided(view: RunView) -> list[StepView]:
    """Branches of the stage at work that go on only when a person says how."""
    if view.row.status != "waiting":
        return []
    return [step for step in view.steps if step.row.stage == view.row.stage and _asks(step)]


def _asks(step: StepView) -> str:
    row = step.row
    if row.phase in ("held", "confirm"):
        return row.phase
    if row.status in STEP_BROKEN and row.kind != "rollout":
        return "broken"
    return "manual" if row.kind == "wait" and row.status == "waiting" and row.wake_at is None else ""


def decision(by: Caller, run: RunRow, step: StepView, verbs: Verbs) -> Decision:
    key, kind = step.row.key, _asks(step)
    names = {"held": ["retry"], "broken": ["retry", "skip"], "confirm": ["go-on"], "manual": ["go-on"]}[kind]
    choices = {
        name: _choice(verbs[name, key], "retry-step" if kind == "broken" and name == "retry" else "")
        for name in names
        if (name, key) in verbs
    }
    made = Decision(step, kind, choices)
    if kind == "held":
        made.failures = grid.failures(run, key)
        made.body = made.failures[0].body if made.failures else ""
        made.unknown = step.tally.get("unknown", 0) > 0
        broken = step.tally.get("failed", 0) + step.tally.get("unknown", 0)
        made.more = max(broken - len(made.failures), 0)
        choices["exclude"] = Choice("exclude", key, VERBS["exclude"], choices["retry"].why_not)
    elif kind == "broken":
        made.body = step_body(step.row)
        made.unknown = step.row.status == StepStatus.UNKNOWN
    if made.body:
        made.last_lines = "\n".join(tail(by, run.id, made.body, TAIL).splitlines()[-12:])
    if kind in ("held", "broken"):
        choices["give-up"] = _choice(verbs["give-up", ""])
    if made.unknown:
        choices["resolve"] = Choice("resolve", key, VERBS["resolve"], choices["retry"].why_not)
    return made


def tail(by: Caller, run_id: int, body: str, limit: int) -> str:
    try:
        part = queries.log_tail(by=by, run_id=run_id, body=body, limit=limit)
    except Refused:
        return ""  # nothing has been said yet
    text = part.data.decode(errors="replace")
    return ANSI.sub("", text.partition("\n")[2] if part.start else text)


def host_choices(look: grid.HostLook, verbs: Verbs) -> dict[str, Choice]:
    """What can be done about one host that broke, or has not begun."""
    retry = verbs.get(("retry", look.key))
    if retry is None or look.lane.status not in ("failed", "unknown", "pending"):
        return {}
    wanted = {"pending": ["exclude"], "failed": ["retry", "exclude"], "unknown": ["resolve", "exclude"]}
    why_not = _choice(retry).why_not
    if look.lane.status == "pending" and retry.reason == "rollout_not_held":
        why_not = ""  # hosts that have not begun may be left out at any time
    return {name: Choice(name, look.key, VERBS[name], why_not) for name in wanted[look.lane.status]}


def bulk_choices(view: RunView, rollout: StepView) -> list[Choice]:
    retry = next(v for v in view.verbs if v.verb == "retry" and v.key == rollout.row.key)
    exclude = "" if retry.reason == "rollout_not_held" else _choice(retry).why_not
    return [_choice(retry), Choice("exclude", rollout.row.key, VERBS["exclude"], exclude)]
