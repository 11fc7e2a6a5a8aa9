"""tasks list, show, plan, run: templates with values and hosts."""

from __future__ import annotations

from typing import Any

import click
from rich.text import Text

from interlock_cli import completing, names
from interlock_cli.asking import WHERE, hosts_of, release_options
from interlock_cli.client import Json
from interlock_cli.command import Desk, Nouns, pass_desk
from interlock_cli.errors import Usage
from interlock_cli.following import follow
from interlock_cli.plan import obstacle_text
from interlock_cli.reading import PAIR
from interlock_cli.screen import QUIET, Screen, ago, clean, status

task_argument = click.argument("task", metavar="NAME", shell_complete=completing.tasks)
value_option = click.option(
    "-p", "--parameter", "values", type=PAIR, multiple=True, help="A value; may be given again."
)


@click.group("tasks", cls=Nouns)
def tasks() -> None:
    """What can be run besides releases."""


@tasks.command("list")
@click.option("--search", metavar="TEXT", help="Part of the name.")
@click.option("--project", metavar="NAME", shell_complete=completing.projects)
@click.option("--limit", type=click.IntRange(0), default=50, show_default=True, help="0: all.")
@pass_desk
def list_tasks(desk: Desk, search: str | None, project: str | None, limit: int) -> None:
    """Newest first."""
    project_id = names.listed(desk.client, "project", project)["id"] if project else None
    page = desk.client.pages("/tasks", limit or None, search=search, project_id=project_id)
    if desk.as_json:
        return desk.screen.document(page)
    desk.screen.table(
        [" TASK", "NAME", "TEMPLATE", "LAST RUN", "DISABLED", "DESCRIPTION"],
        ((row["id"], row["name"], f"{row['template']} {row['number']}", _last(row), row["disabled"],
          row["description"])
         for row in page["items"]),
        empty="No tasks here.",
    )  # fmt: skip
    desk.screen.more(page)


def _last(row: Json) -> Text:
    last = row.get("last_run")
    return status(last["status"], f"run {last['id']}") if last else Text("never", QUIET)


def _find(desk: Desk, name: str) -> Json:
    """By its name, or as #12 by its number: two projects may call theirs the same."""
    if name.startswith("#") and name[1:].isdigit():
        return dict(desk.client.get(f"/tasks/{int(name[1:])}"))
    rows = desk.client.pages("/tasks", names.LOOKED_AT)["items"]
    same = [row for row in rows if row["name"] == name]
    if len(same) > 1:
        raise Usage(
            f"There are several: {', '.join('#' + str(row['id']) for row in same)}. Give one's number."
        )
    return names.found("task", name, rows)


@tasks.command("show")
@task_argument
@pass_desk
def show_task(desk: Desk, task: str) -> None:
    """A task, with the parameters that it takes."""
    row = desk.client.get(f"/tasks/{_find(desk, task)['id']}")
    if desk.as_json:
        return desk.screen.document(row)
    desk.screen.facts(
        [
            ("task", f"{row['name']} (#{row['id']})"),
            ("description", row["description"]),
            ("template", f"{row['template']}, version {row['number']}"),
            ("hosts", _hosts(row["hosts"])),
            ("disabled", row["disabled"]),
            ("last run", _last(row)),
            ("changed", f"{ago(row['updated_at'])} by {row['updated_by']}"),
        ]
    )
    desk.screen.say()
    desk.screen.table(
        ["PARAMETER", "TYPE", "VALUE", "HELP"],
        (
            (p["name"], ", ".join(p["choices"]) or p["type"], _value(row, p), _help(p))
            for p in row["parameters"]
        ),
        empty="It takes no parameters.",
    )


def _hosts(selector: Json | None) -> str:
    return ", ".join(f"{name} {value}" for name, value in (selector or {}).items())


def _value(task: Json, parameter: Json) -> Text:
    value = task["values"].get(parameter["name"], parameter["default"])
    if value is None:
        return Text("needed", "yellow") if parameter["required"] else Text("none", QUIET)
    return Text(clean(value))


def _help(parameter: Json) -> str:
    return str(parameter["help"].get("en") or next(iter(parameter["help"].values()), ""))


@tasks.command("plan")
@task_argument
@value_option
@release_options(WHERE)
@pass_desk
def plan_task(desk: Desk, task: str, **given: Any) -> None:
    """Show what a run would do, and what stands in the way. Changes nothing."""
    plan = _preview(desk, _find(desk, task)["id"], _asked(given))
    if desk.as_json:
        desk.screen.document(plan)
    else:
        _show(desk, task, plan)


def _asked(given: Json) -> Json:
    hosts = hosts_of(given, needed=False)
    return {"values": dict(given["values"]), "hosts": {"names": hosts} if isinstance(hosts, list) else hosts}


def _preview(desk: Desk, task_id: int, asked: Json) -> Json:
    return dict(desk.client.post(f"/tasks/{task_id}/preview", asked))


def _show(desk: Desk, name: str, plan: Json) -> None:
    screen = desk.screen
    for obstacle in plan["obstacles"]:
        screen.warn(f"{obstacle.get('host', '')}: {obstacle_text(obstacle)}".removeprefix(": "))
    screen.say(Text(clean(name), "bold"))
    screen.facts((f"  {key}", value) for key, value in plan["values"].items())
    for stage in plan["plan"]["stages"]:
        for branch in stage["branches"]:
            rollout = branch.get("rollout")
            if rollout:
                screen.say(Text(f"  {clean(rollout['name'])}, on each host"))
            for step in rollout["steps"] if rollout else [branch["step"]]:
                _show_step(screen, step, "    " if rollout else "  ")
    if plan["hosts"]:
        listed = ", ".join(host["host"] for host in plan["hosts"])
        screen.say(Text(f"  hosts: {clean(listed)}"))
    screen.say(Text.assemble(("plan ", QUIET), plan["plan_hash"]))


def _show_step(screen: Screen, step: Json, indent: str) -> None:
    """With the text that a shell will be given: it is what is agreed to."""
    screen.say(Text.assemble(f"{indent}{clean(step['name'])}", (f"  {step['kind']}", QUIET)))
    text = step["params"].get("command") or step["params"].get("script") or ""
    for line in str(text).splitlines():
        screen.say(Text(f"{indent}  {clean(line)}", QUIET))


@tasks.command("run")
@task_argument
@value_option
@release_options(WHERE)
@click.option("--note", default="", metavar="TEXT", help="Why; shown wherever the run is.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask before the start.")
@click.option("--plan-hash", metavar="HASH", help="Start only if the plan is still this one (of `plan`).")
@click.option("--wait/--detach", default=False, help="Follow the run to its end. Default: --detach.")
@click.option("--patient", is_flag=True, help="With --wait: also while it waits for a person.")
@click.option(
    "--idempotency-key", "key", metavar="KEY", help="Your own, so that a job that runs twice runs it once."
)
@pass_desk
def run_task(desk: Desk, task: str, **given: Any) -> None:
    """Run a task. Hosts that are named here stand in for its own."""
    task_id, asked, seen = _find(desk, task)["id"], _asked(given), given["plan_hash"]
    if not (given["yes"] and seen):
        plan = _preview(desk, task_id, asked)
        if not desk.as_json:
            _show(desk, task, plan)
        if not given["yes"]:
            desk.confirm(f"Run “{clean(task)}”?")
        seen = seen or plan["plan_hash"]
    body = {**asked, "plan_hash": seen, "note": given["note"]}
    run = desk.client.post(f"/tasks/{task_id}/run", body, key=given["key"] or desk.key)
    if given["wait"]:
        return follow(desk, run["id"], patient=given["patient"])
    if desk.as_json:
        return desk.screen.document(run)
    desk.screen.say(Text.assemble(status(run["status"]), f"  run {run['id']}"))
    desk.screen.note(f"  → interlock runs wait {run['id']}")
    return None
