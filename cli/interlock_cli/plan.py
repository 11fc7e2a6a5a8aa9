"""A plan as people read it: what stands in the way first, then each host, batch by batch."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import Any

from rich.text import Text

from interlock_cli.client import Json
from interlock_cli.screen import QUIET, Screen, clean, span, when

EACH = 30  # hosts of a batch that get a line each; of more, one line for each version they come from


def show_plan(screen: Screen, plan: Json) -> None:
    taking_part = {row["host"] for row in plan["hosts"]}
    for obstacle in plan["obstacles"]:
        host = obstacle.get("host", "")
        left_out = "" if not host or host in taking_part else "left out, "
        screen.warn(f"{host}: {left_out}{obstacle_text(obstacle)}".removeprefix(": "))
    intent = plan["intent"]
    version = intent["version"]["name"] if intent["version"] else ""
    screen.say(
        Text(
            f"{clean(intent['action'])} {clean(intent['service']['name'])} {clean(version)}".rstrip(), "bold"
        )
    )
    count = len(plan["batches"])
    for number, rows in groupby(plan["hosts"], key=lambda row: row["batch"]):
        hosts = list(rows)
        screen.say(Text(f"batch {number + 1} of {count} · {_hosts(len(hosts))}", QUIET))
        _batch(screen, hosts)
    for line in _rules(intent):
        screen.say(Text(line, QUIET))
    screen.say(Text.assemble(("plan ", QUIET), plan["plan_hash"]))


def _hosts(count: int) -> str:
    return f"{count} host" if count == 1 else f"{count} hosts"


def obstacle_text(obstacle: Json) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in obstacle.items() if name not in ("code", "host"))
    return str(obstacle["code"]).replace("_", " ") + (f" ({facts})" if facts else "")


def _batch(screen: Screen, hosts: list[Json]) -> None:
    if len(hosts) <= EACH:
        wide = max(Text(clean(row["host"])).cell_len for row in hosts)
        for row in hosts:
            name = Text(clean(row["host"]))
            name.pad_right(wide - name.cell_len)
            screen.say(Text.assemble("  ", name, "  ", _move(row["from"], row["to"])))
        return
    together: dict[tuple[Any, Any], list[str]] = {}
    for row in hosts:
        together.setdefault((row["from"], row["to"]), []).append(clean(row["host"]))
    for (old, new), some in together.items():
        screen.say(Text.assemble("  ", _move(old, new), (f"  {_hosts(len(some))}: ", QUIET), ", ".join(some)))


def _move(old: str | None, new: str | None) -> Text:
    nothing = ("(none)", QUIET)
    return Text.assemble(
        clean(old) if old else nothing, (" → ", QUIET), (clean(new), "bold") if new else ("(deleted)", "red")
    )


def _rules(intent: Json) -> list[str]:
    lines = []
    if intent["approval"]:
        rule = intent["approval"]
        who = ", ".join(rule["people"]) or "whoever has the right"
        but = ", not by who asks" if rule["not_requester"] else ""
        until = (
            f", within {span(rule['deadline'])}, else {rule['on_deadline']}" if rule.get("deadline") else ""
        )
        lines.append(f"first: {rule['quorum']} approval(s) by {who}{but}{until}")
    if intent["start"] == "manual":
        lines.append("starts when a person says so")
    elif intent["start"] != "auto":
        lines.append(f"starts at {when(intent['start'])}")
    if intent["threshold"]:
        lines.append(f"up to {_hosts(intent['threshold'])} may fail")
    if not intent["put_back"] and intent["action"] in ("upgrade", "revert"):
        lines.append("a host that fails is left as it is")
    if intent["bake"]:
        lines.append(f"waits {span(intent['bake'])} between batches")
    if intent["confirm"]:
        after = ", ".join(str(batch + 1) for batch in intent["confirm"])
        lines.append(f"waits for a go-on after batch {after}")
    return [clean(line) for line in lines]


def summary(plan: Json) -> str:
    """For the question before the start: how many hosts go where."""
    intent = plan["intent"]
    places = Counter(str(row["environment"]) for row in intent["hosts"])
    where = ", ".join(f"{count} in {name}" for name, count in places.items())
    version = f" to {intent['version']['name']}" if intent["version"] else ""
    return clean(
        f"{intent['action'].capitalize()} {intent['service']['name']}{version}"
        f" on {_hosts(len(intent['hosts']))} ({where})"
    )
