"""plan, deploy, upgrade, revert, delete: looked at first, then started once."""

from __future__ import annotations

from typing import Any

import click
from rich.text import Text

from interlock_cli import completing, names
from interlock_cli.asking import FRESH, HOW, START, WHERE, release_options, request_of, version_for
from interlock_cli.client import Json
from interlock_cli.command import Desk, Nouns, Verb, pass_desk
from interlock_cli.errors import Trouble
from interlock_cli.following import follow
from interlock_cli.plan import show_plan, summary
from interlock_cli.screen import QUIET, ago, clean, status

ACTIONS = {
    "deploy": "Install a version on hosts that do not have the service.",
    "upgrade": "Move instances to a newer version.",
    "revert": "Move instances back to an older version; its package is still on the hosts.",
    "delete": "Stop instances and remove the service from their hosts.",
}


def _request(desk: Desk, action: str, service: str, version: str | None, given: Json) -> Json:
    asked = request_of(action, service, version, given)
    if version is None and action != "delete":
        asked["version"] = version_for(desk.client, action, service, given.get("from_version"))
        desk.screen.note(f"no version was named: {asked['version']}")
    return asked


def _preview(desk: Desk, asked: Json) -> Json:
    try:
        plan: Json = desk.client.post("/releases/preview", asked)
        return plan
    except Trouble as trouble:
        raise names.with_hints(desk.client, trouble, asked) from None


@click.command("plan", cls=Verb)
@click.argument("action", type=click.Choice(list(ACTIONS)))
@click.argument("service", shell_complete=completing.services)
@click.argument("version", required=False, shell_complete=completing.versions)
@release_options(WHERE, HOW, START, FRESH)
@pass_desk
def plan(desk: Desk, action: str, service: str, version: str | None, **given: Any) -> None:
    """Show what a release would do, host by host, and what stands in the way. Changes nothing."""
    found = _preview(desk, _request(desk, action, service, version, given))
    if desk.as_json:
        desk.screen.document(found)
    else:
        show_plan(desk.screen, found)


def _release(desk: Desk, action: str, service: str, version: str | None, given: Json) -> None:
    if given["key"]:
        desk.key = given["key"]
    asked = _request(desk, action, service, version, given)
    seen = given["plan_hash"]
    if not (given["yes"] and seen):
        found = _preview(desk, asked)
        if not desk.as_json:
            show_plan(desk.screen, found)
        if not given["yes"]:
            desk.confirm(f"{summary(found)}?")
        seen = seen or found["plan_hash"]
    try:
        made = desk.client.post("/releases", {**asked, "plan_hash": seen}, key=desk.key)
    except Trouble as trouble:
        raise names.with_hints(desk.client, trouble, asked) from None
    _made(desk, made, given)


def _made(desk: Desk, made: Json, given: Json) -> None:
    run_id = made["run_id"]
    if given["wait"]:
        if not desk.as_json:
            desk.screen.note(f"run {run_id}")
        follow(desk, run_id, patient=given["patient"])
    elif desk.as_json:
        desk.screen.document(made)
    else:
        desk.screen.say(Text.assemble(status(made["run_status"]), f"  run {run_id}"))
        desk.screen.note(f"  → interlock runs wait {run_id}")


def _command(action: str, summary_: str) -> click.Command:
    kinds = [WHERE, HOW, START, *([FRESH] if action == "deploy" else [])]

    @release_options(*kinds)
    @click.option("--yes", "-y", is_flag=True, help="Do not ask before the start.")
    @click.option("--plan-hash", metavar="HASH", help="Start only if the plan is still this one (of `plan`).")
    @click.option("--wait/--detach", default=False, help="Follow the run to its end. Default: --detach.")
    @click.option("--patient", is_flag=True, help="With --wait: also while it waits for a person.")
    @click.option(
        "--idempotency-key",
        "key",
        metavar="KEY",
        help="Your own, so that a job that runs twice releases once. Default: a new one.",
    )
    @pass_desk
    def command(desk: Desk, service: str, version: str | None = None, **given: Any) -> None:
        _release(desk, action, service, version, given)

    if action != "delete":
        command = click.argument("version", required=False, shell_complete=completing.versions)(command)
    command = click.argument("service", shell_complete=completing.services)(command)
    return click.command(action, cls=Verb, help=summary_)(command)


COMMANDS = [plan, *(_command(action, text) for action, text in ACTIONS.items())]


@click.group("releases", cls=Nouns)
def releases() -> None:
    """What was asked for, and what it meant."""


@releases.command("list")
@click.option("--service", metavar="NAME", shell_complete=completing.services)
@click.option("--limit", type=click.IntRange(0), default=50, show_default=True, help="0: all.")
@pass_desk
def list_releases(desk: Desk, service: str | None, limit: int) -> None:
    """Newest first."""
    service_id = names.service(desk.client, service)["id"] if service else None
    page = desk.client.pages("/releases", limit or None, service_id=service_id)
    if desk.as_json:
        return desk.screen.document(page)
    desk.screen.table(
        [" RELEASE", " RUN", "STATUS", "ACTION", "SERVICE", "VERSION", "BY", "WHEN", "NOTE"],
        (
            (row["id"], row["run_id"], status(row["run_status"] or ""), row["action"], row["service"],
             row["version"], row["created_by"], ago(row["created_at"]), row["note"])
            for row in page["items"]
        ),
        empty="No releases yet.",
    )  # fmt: skip
    desk.screen.more(page)


@releases.command("show")
@click.argument("release", type=click.IntRange(1))
@pass_desk
def show_release(desk: Desk, release: int) -> None:
    """A release with its plan."""
    found = desk.client.get(f"/releases/{release}")
    if desk.as_json:
        return desk.screen.document(found)
    asked = f"by {clean(found['created_by'])} {ago(found['created_at'])}"
    desk.screen.say(Text(f"release {found['id']} · run {found['run_id']} · {asked}", QUIET))
    if found["note"]:
        desk.screen.say(clean(found["note"]))
    show_plan(desk.screen, found)
    return None
