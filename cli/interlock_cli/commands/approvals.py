"""inbox, approve, reject: what waits for people."""

from __future__ import annotations

from typing import Any

import click
from rich.text import Text

from interlock_cli.client import Json
from interlock_cli.command import Desk, Verb, pass_desk
from interlock_cli.commands.runs import run_argument, votes
from interlock_cli.errors import Trouble, Usage
from interlock_cli.following import asks_somebody, follow
from interlock_cli.plan import show_plan, summary
from interlock_cli.screen import QUIET, ago, clean, sentence, status, when

LOOKED_AT = 20  # waiting runs whose reason is asked for one by one


@click.command("inbox", cls=Verb)
@pass_desk
def inbox(desk: Desk) -> None:
    """What waits for somebody with your rights: approvals, and runs that need a decision."""
    approvals = desk.client.pages("/approvals")["items"]
    asked = {approval["run_id"] for approval in approvals}
    waiting = desk.client.pages("/runs", LOOKED_AT, status="waiting")
    seen = [desk.client.get(f"/runs/{row['id']}") for row in waiting["items"] if row["id"] not in asked]
    deciding = [run for run in seen if _is_mine(run)]
    if desk.as_json:
        return desk.screen.document({"approvals": approvals, "runs": deciding})
    if not approvals and not deciding:
        desk.screen.note("Nothing waits for you.")
    for approval in approvals:
        title = clean(approval["run"]["title"])
        until = f", until {when(approval['deadline_at'])}" if approval["deadline_at"] else ""
        line = (f"  run {approval['run_id']} · asked {ago(approval['opened_at'])}{until}", QUIET)
        desk.screen.say(Text.assemble(status("waiting", ""), "  ", (title, "bold"), line))
        desk.screen.say(Text(f"  approve it: interlock approve {approval['run_id']}"))
    for run in deciding:
        line = (f"  run {run['id']}", QUIET)
        desk.screen.say(Text.assemble(status(run["status"]), "  ", (clean(run["title"]), "bold"), line))
        desk.screen.say(Text(f"  {sentence(run['why']['text'])} Look: interlock runs show {run['id']}"))
    if waiting["next"] is not None:
        desk.screen.note(
            f"looked at the {LOOKED_AT} youngest waiting runs; interlock runs list --status waiting has all"
        )
    return None


def _is_mine(run: Json) -> bool:
    decisions = ("retry", "skip", "go-on", "start")
    may = any(verb["allowed"] and verb["verb"] in decisions for verb in run["verbs"])
    return may and asks_somebody(run) and run["why"]["code"] != "why_approval"


def _open_one(run: Json, step: str | None) -> Json:
    found = [a for a in run["approvals"] if a["status"] == "open" and step in (None, a["key"])]
    if len(found) > 1:
        raise Usage(f"Say which one, with --step: {', '.join(a['key'] for a in found)}.")
    if found:
        return dict(found[0])
    raise Trouble(f"Run {run['id']} waits for no approval. {run['why']['text']}")


def _vote(desk: Desk, verb: str, run_id: int, given: Json) -> None:
    run = desk.client.get(f"/runs/{run_id}")
    approval = _open_one(run, given["step"])
    if not desk.as_json:
        _show(desk, run, approval)
    if not given["yes"]:
        desk.confirm(f"{verb.capitalize()} run {run_id}?")
    body = {"plan_hash": given["plan_hash"] or approval["plan_hash"], "note": given["note"]}
    said = desk.client.post(f"/runs/{run_id}/steps/{approval['key']}/{verb}", body, key=desk.key)
    if given.get("wait"):
        return follow(desk, run_id)
    if desk.as_json:
        return desk.screen.document(said)
    why = f"  {sentence(said['why']['text'])}" if said["why"]["code"] != "why_running" else ""
    desk.screen.say(Text.assemble(status(said["status"]), f"  run {run_id}{why}"))
    return None


def _show(desk: Desk, run: Json, approval: Json) -> None:
    """What is agreed to: of a release its plan, with the very hash that goes with the vote."""
    desk.screen.say(Text.assemble((clean(run["title"]), "bold"), (f"  run {run['id']}", QUIET)))
    who = f"asked for by {clean(run['requested_by']['name'])} {ago(run['created_at'])}"
    desk.screen.say(Text.assemble((who, QUIET), " · ", votes(approval)))
    if run["origin"] != "release":
        desk.screen.say(Text.assemble(("plan ", QUIET), approval["plan_hash"]))
        return
    release = desk.client.get(f"/releases/{run['origin_id']}")
    if release["note"]:
        desk.screen.say(f"“{clean(release['note'])}”")
    if release["plan_hash"] != approval["plan_hash"]:
        raise Trouble("The plan is being changed just now. Look again.")
    show_plan(desk.screen, release)
    desk.screen.say(summary(release))


def _command(verb: str, help_: str) -> click.Command:
    @run_argument
    @click.option("--step", metavar="KEY", help="Of the approval, where a run has several open.")
    @click.option("--note", default="", metavar="TEXT", help="Kept beside the vote.")
    @click.option(
        "--plan-hash", metavar="HASH", help="Of the plan that you looked at. Default: the one shown."
    )
    @click.option("--yes", "-y", is_flag=True, help="Do not ask.")
    @pass_desk
    def command(desk: Desk, run: int, **given: Any) -> None:
        _vote(desk, verb, run, given)

    if verb == "approve":
        wait = click.option("--wait/--detach", default=False, help="Follow the run from there.")
        command = wait(command)
    return click.command(verb, cls=Verb, help=help_)(command)


COMMANDS = [
    inbox,
    _command("approve", "Agree to the plan that a run waits with. The plan is shown first."),
    _command("reject", "Refuse it: the run ends as rejected."),
]
