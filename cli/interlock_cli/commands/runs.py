"""runs list, show, wait: looking at what is carried out."""

from __future__ import annotations

import click
from rich.text import Text

from interlock_cli import completing, names
from interlock_cli.client import Json
from interlock_cli.command import Desk, Nouns, pass_desk
from interlock_cli.following import broken_at, follow, next_steps
from interlock_cli.screen import ASKS, QUIET, ago, clean, moment, sentence, span, status, when

LANES = 50  # hosts that `show` lists unless all are asked for

run_argument = click.argument("run", type=click.IntRange(1), shell_complete=completing.runs)


@click.group("runs", cls=Nouns)
def runs() -> None:
    """What is carried out: look, follow, steer."""


@runs.command("list")
@click.option("--status", "wanted", metavar="STATUS", help="Such as running, waiting or failed.")
@click.option("--project", metavar="NAME", shell_complete=completing.projects)
@click.option("--limit", type=click.IntRange(0), default=20, show_default=True, help="0: all.")
@pass_desk
def list_runs(desk: Desk, wanted: str | None, project: str | None, limit: int) -> None:
    """Newest first."""
    project_id = names.listed(desk.client, "project", project)["id"] if project else None
    page = desk.client.pages("/runs", limit or None, status=wanted, project_id=project_id)
    if desk.as_json:
        return desk.screen.document(page)
    desk.screen.table(
        [" RUN", "STATUS", "WHAT", "BY", "BEGAN", "TOOK"],
        ((row["id"], status(row["status"]), row["title"], row["requested_by"]["name"],
          ago(row["started_at"] or row["created_at"]), _took(row))
         for row in page["items"]),
        empty="No runs here.",
    )  # fmt: skip
    desk.screen.more(page)


def _took(row: Json) -> str:
    if not row["started_at"] or not row["ended_at"]:
        return ""
    return span((moment(row["ended_at"]) - moment(row["started_at"])).total_seconds())


@runs.command("show")
@run_argument
@click.option("--all-hosts", is_flag=True, help="Also of a run with many hosts.")
@pass_desk
def show_run(desk: Desk, run: int, all_hosts: bool) -> None:
    """A run: why it is where it is, its steps, its hosts, and what could be done now."""
    row = desk.client.get(f"/runs/{run}")
    if desk.as_json:
        return desk.screen.document(row)
    screen = desk.screen
    screen.say(
        Text.assemble(status(row["status"]), "  ", (clean(row["title"]), "bold"), (f"  run {run}", QUIET))
    )
    screen.say(Text(f"  {sentence(row['why']['text'])}", ASKS if row["status"] == "waiting" else QUIET))
    took = f", took {_took(row)}" if _took(row) else ""
    began = when(row["started_at"] or row["created_at"])
    screen.say(Text(f"  by {clean(row['requested_by']['name'])}, {began}{took}", QUIET))
    for approval in row["approvals"]:
        screen.say(Text.assemble("  ", votes(approval)))
    screen.table(
        ["STEP", "KIND", "STATUS", "HOSTS", "NAME"],
        ((step["key"], step["kind"], _phase(step), _tally(step), step["name"]) for step in row["steps"]),
    )
    _show_lanes(desk, row, None if all_hosts else LANES)
    for hint in next_steps(row):
        screen.note(f"  → {hint}")
    return None


def votes(approval: Json) -> Text:
    given = [f"{vote['name']} {vote['decision']}" + (f" “{vote['note']}”" if vote["note"] else "")
             for vote in approval["votes"]]  # fmt: skip
    need = f"{approval['quorum']} needed" + (
        f" of {', '.join(approval['people'])}" if approval["people"] else ""
    )
    until = f", until {when(approval['deadline_at'])}" if approval["deadline_at"] else ""
    said = clean("; ".join([need + until, *given]))
    return Text.assemble("approval ", status(approval["status"]), (f": {said}", QUIET))


def _phase(step: Json) -> Text:
    return status(
        step["status"], step["error"] or (step["phase"] if step["phase"] not in ("", "work") else "")
    )


def _tally(step: Json) -> Text:
    counted = [Text.assemble(f"{count} ", status(word)) for word, count in step["tally"].items()]
    return Text(", ").join(counted)


def _show_lanes(desk: Desk, row: Json, limit: int | None) -> None:
    if not any(step["hosts"] for step in row["steps"]):
        return
    page = desk.client.pages(f"/runs/{row['id']}/lanes", limit)
    desk.screen.say()
    desk.screen.table(
        ["HOST", " BATCH", "STATUS", "AT"],
        ((lane["host"], lane["batch"] + 1, status(lane["status"]), _at(lane)) for lane in page["items"]),
    )
    if page["next"] is not None:
        desk.screen.note(f"the first {len(page['items'])} hosts; --all-hosts shows all")


def _at(lane: Json) -> Text:
    if lane["status"] in ("failed", "unknown"):
        return broken_at(lane)
    last = lane["targets"][-1] if lane["targets"] else None
    return Text(clean(last["step"]) if last and lane["status"] in ("running", "waiting") else "", QUIET)


@runs.command("wait")
@run_argument
@click.option("--patient", is_flag=True, help="Also while it waits for a person.")
@pass_desk
def wait(desk: Desk, run: int, patient: bool) -> None:
    """Follow a run to its end, or until it asks for a person."""
    follow(desk, run, patient)
