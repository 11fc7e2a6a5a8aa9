"""The options that a release is asked for with, and the body that they make."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from interlock_cli import completing, names
from interlock_cli.client import Client, Json
from interlock_cli.errors import Unknown, Usage
from interlock_cli.reading import PAIR, SECONDS, TIME, WORDS

F = TypeVar("F", bound=Callable[..., Any])

WHERE = [
    click.option("--hosts", type=WORDS, multiple=True, metavar="A,B", shell_complete=completing.hosts,
                 help="These hosts; @FILE reads their names, @- from standard input."),
    click.option("--all", "all_hosts", is_flag=True,
                 help="Every host that has the service (deploy: every host granted to the project)."),
    click.option("--group", "groups", multiple=True, metavar="NAME", shell_complete=completing.groups,
                 help="Hosts of this group; may be given again."),
    click.option("--label", "labels", type=PAIR, multiple=True, help="Hosts with this label."),
    click.option("--environment", metavar="NAME", shell_complete=completing.environments,
                 help="Hosts of this environment."),
]  # fmt: skip
HOW = [
    click.option("--from-version", metavar="VERSION", help="Only instances that are on this version."),
    click.option("--skip", is_flag=True, help="Leave out hosts that are there already or on the wrong side."),
    click.option("--skip-locked", is_flag=True, help="Leave out hosts that another run holds."),
    click.option("--batches", type=WORDS, metavar="1,10%,100%",
                 help="Rising totals of hosts. Default: the environment's."),
    click.option("--confirm-after", type=WORDS, metavar="1,2", help="Wait for a go-on after these batches."),
    click.option("--bake", type=SECONDS, metavar="SPAN", help="Wait between batches, such as 5m."),
    click.option("--threshold", type=click.IntRange(0), metavar="N",
                 help="How many hosts may fail before the run waits for a decision."),
    click.option("--no-put-back", is_flag=True, help="Leave a failed host as it is."),
    click.option("--note", metavar="TEXT", help="Why; shown wherever the release is."),
]  # fmt: skip
START = [
    click.option("--at", type=TIME, metavar="TIME", help="Start then: +30m, 22:30, 2026-11-21T22:30+08:00."),
    click.option("--manual-start", is_flag=True, help="Wait until a person lets it go on."),
    click.option("--approve-before", is_flag=True, help="Ask for an approval before the start."),
    click.option("--approvers", type=WORDS, metavar="ANN,BOB", help="Who may. Default: all with the right."),
    click.option("--quorum", type=click.IntRange(1, 20), metavar="N", help="How many have to approve."),
    click.option("--approval-deadline", type=SECONDS, metavar="SPAN", help="How long the approval may take."),
    click.option("--on-deadline", type=click.Choice(["reject", "approve"]), help="What becomes of it then."),
    click.option("--own-approval", is_flag=True, help="You may approve it yourself, where rules allow."),
]  # fmt: skip
FRESH = [
    click.option("--port", type=click.IntRange(1, 65535), help="Of new instances."),
    click.option("--tag", metavar="TEXT", help="Of new instances."),
    click.option("--weight", type=click.IntRange(0, 65535), help="Of new instances."),
]  # fmt: skip


def release_options(*kinds: list[Callable[[F], F]]) -> Callable[[F], F]:
    def add(function: F) -> F:
        for option in reversed([option for kind in kinds for option in kind]):
            function = option(function)
        return function

    return add


def request_of(action: str, service: str, version: str | None, given: Json) -> Json:
    """The body of a release; what was not said is left to the platform."""
    asked: Json = {"service": service, "action": action, "hosts": hosts_of(given)}
    if version:
        asked["version"] = version
    for name in ("from_version", "batches", "bake", "threshold", "note", "port", "tag", "weight"):
        if given.get(name) is not None:
            asked[name] = given[name]
    for name in ("skip", "skip_locked"):
        if given.get(name):
            asked[name] = True
    if given.get("no_put_back"):
        asked["put_back"] = False
    if given.get("confirm_after"):
        asked["confirm"] = [_batch(word) for word in given["confirm_after"]]
    return {**asked, **_start(given), **_approval(given)}


def hosts_of(given: Json, needed: bool = True) -> Any:
    """All, names, or a selector; None where nothing was said and that is allowed."""
    named = [name for some in given["hosts"] for name in some]
    selector = {
        "groups": list(given["groups"]),
        "labels": dict(given["labels"]),
        "environment": given["environment"],
    }
    selector = {name: value for name, value in selector.items() if value}
    ways = bool(named) + bool(given["all_hosts"]) + bool(selector)
    if not ways and not needed:
        return None
    if ways != 1:
        raise Usage(
            "Say which hosts, in one way.",
            ["--hosts web-1,web-2", "--all", "--group web --label zone=a --environment qa"],
        )
    return named or selector or "all"


def _batch(word: str) -> int:
    if not word.isdigit() or word == "0":
        raise Usage(f"“{word}” is not the number of a batch: they are counted from 1.")
    return int(word) - 1


def _start(given: Json) -> Json:
    if given.get("at") and given.get("manual_start"):
        raise Usage("Either --at or --manual-start: it cannot wait for both.")
    if given.get("at"):
        return {"start": "at", "start_at": given["at"]}
    return {"start": "manual"} if given.get("manual_start") else {}


def _approval(given: Json) -> Json:
    rule = {
        "people": given.get("approvers"),
        "quorum": given.get("quorum"),
        "deadline": given.get("approval_deadline"),
        "on_deadline": given.get("on_deadline"),
        "not_requester": False if given.get("own_approval") else None,
    }
    rule = {name: value for name, value in rule.items() if value is not None}
    return {"approval": rule} if rule or given.get("approve_before") else {}


def version_for(client: Client, action: str, service: str, from_version: str | None) -> str:
    """The version that an action without one means: the newest that it can go to, or the one before."""
    found = names.service(client, service)
    if action == "revert":
        return _former(client, found)
    origin = names.version(client, found["id"], from_version)["id"] if from_version else None
    choices = client.get(
        f"/services/{found['id']}/versions-for", action=action, from_version_id=origin, limit=200
    )["items"]
    for choice in choices:
        if choice["enabled"]:
            return str(choice["name"])
    why = choices[0]["reason_text"] if choices else "It has no successful version."
    raise Unknown(
        f"There is no version to {action} {service} to. {why}", [f"interlock versions list {service}"]
    )


def _former(client: Client, service: Json) -> str:
    """What all instances were on before; a guess among several would be no revert."""
    rows = client.pages("/instances", service_id=service["id"])["items"]
    older = {
        row["previous_version"]
        for row in rows
        if row["previous_version_id"] and row["previous_version_id"] < (row["version_id"] or 0)
    }
    if len(older) == 1:
        return str(older.pop())
    known = f"They were on {', '.join(sorted(older))}." if older else "No instance was on an older one."
    raise Usage(
        f"Name the version to go back to. {known}",
        [f"interlock versions list {service['name']} --for revert"],
    )
