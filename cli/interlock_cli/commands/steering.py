"""What people say to runs: stop, retry, exclude …"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
from rich.text import Text

from interlock_cli import names
from interlock_cli.client import Json
from interlock_cli.command import Desk, Verb, pass_desk
from interlock_cli.commands.runs import run_argument
from interlock_cli.errors import Unknown, Usage
from interlock_cli.following import follow, next_steps
from interlock_cli.reading import WORDS
from interlock_cli.screen import sentence, status

F = TypeVar("F", bound=Callable[..., Any])

reason = click.option("--reason", default="", metavar="TEXT", help="Written into the journal.")
waiting = click.option("--wait/--detach", default=False, help="Follow the run from there. Default: --detach.")
step_option = click.option("--step", metavar="KEY", help="Of the step. Default: the one that it can be.")
host_option = click.option("--host", "hosts", type=WORDS, multiple=True, metavar="A,B",
                           help="These hosts of the run.")  # fmt: skip


def _say(desk: Desk, path: str, body: Json, wait: bool, wanted: Sequence[str] = ("succeeded",)) -> None:
    run = desk.client.post(path, body, key=desk.key)
    if wait:
        return follow(desk, run["id"], wanted=wanted)
    if desk.as_json:
        return desk.screen.document(run)
    told = run["why"]["text"] if run["why"]["code"] != "why_running" else ""
    desk.screen.say(
        Text.assemble(status(run["status"]), f"  run {run['id']}", f"  {sentence(told)}" if told else "")
    )
    for hint in next_steps(run) or [f"interlock runs wait {run['id']}"] * (run["ended_at"] is None):
        desk.screen.note(f"  → {hint}")
    return None


def _step(run: Json, verb: str, key: str | None) -> str:
    """The one step that the verb can be meant for."""
    keys = [step["key"] for step in run["steps"]]
    if key:
        if key not in keys:
            raise Unknown(f"Run {run['id']} has no step {key}. It has: {', '.join(keys)}.")
        return key
    allowed = [v["key"] for v in run["verbs"] if v["verb"] == verb and v["key"] and v["allowed"]]
    if verb in ("exclude", "resolve"):  # of these the platform does not tell ahead
        allowed = [step["key"] for step in run["steps"] if _may_have_broken(step)]
    if len(allowed) == 1:
        return str(allowed[0])
    if allowed:
        raise Usage(f"Say which step, with --step: {', '.join(allowed)}.")
    # The platform says best why not; it is asked about the step that the run is at.
    current = [step["key"] for step in run["steps"] if step["status"] != "pending"] or keys
    return str(current[-1])


def _may_have_broken(step: Json) -> bool:
    return (
        bool(step["hosts"] and step["status"] not in ("succeeded", "skipped")) or step["status"] == "unknown"
    )


def _host_ids(desk: Desk, run_id: int, key: str, hosts: Sequence[Sequence[str]]) -> list[int]:
    named = [name for some in hosts for name in some]
    if not named:
        return []
    known = {
        lane["host"]: lane["host_id"] for lane in desk.client.pages(f"/runs/{run_id}/lanes", key=key)["items"]
    }
    lacking = [name for name in named if name not in known]
    if lacking:
        hints = [f"{name}: {hint}" for name in lacking for hint in names.meant(name, known)]
        raise Unknown(f"These hosts are not part of step {key}: {', '.join(lacking)}.", hints)
    return [known[name] for name in named]


@click.command("start", cls=Verb)
@run_argument
@waiting
@pass_desk
def start(desk: Desk, run: int, wait: bool) -> None:
    """Start it, or try again where its locks were refused or its plan has changed."""
    _say(desk, f"/runs/{run}/start", {}, wait)


@click.command("stop", cls=Verb)
@run_argument
@reason
@waiting
@pass_desk
def stop(desk: Desk, run: int, reason: str, wait: bool) -> None:
    """End whatever the run has started, on every host, and read back that it is gone.

    With --wait: exit code 0 when it is proven to have stopped.
    """
    _say(desk, f"/runs/{run}/stop", {"reason": reason}, wait, wanted=("canceled",))


@click.command("pause", cls=Verb)
@run_argument
@reason
@pass_desk
def pause(desk: Desk, run: int, reason: str) -> None:
    """Begin nothing further. What has begun goes on to its end."""
    _say(desk, f"/runs/{run}/pause", {"reason": reason}, wait=False)


@click.command("resume", cls=Verb)
@run_argument
@reason
@waiting
@pass_desk
def resume(desk: Desk, run: int, reason: str, wait: bool) -> None:
    """Go on where the pause began."""
    _say(desk, f"/runs/{run}/resume", {"reason": reason}, wait)


@click.command("give-up", cls=Verb)
@run_argument
@reason
@waiting
@pass_desk
def give_up(desk: Desk, run: int, reason: str, wait: bool) -> None:
    """Let a run that waits for a decision end as failed."""
    _say(desk, f"/runs/{run}/give-up", {"reason": reason}, wait, wanted=("failed",))


@click.command("retry", cls=Verb)
@run_argument
@step_option
@host_option
@reason
@waiting
@pass_desk
def retry(desk: Desk, run: int, step: str | None, hosts: Any, reason: str, wait: bool) -> None:
    """A broken step, or broken hosts, once more. Without --host: all that are broken."""
    key = _step(desk.client.get(f"/runs/{run}"), "retry", step)
    ids = _host_ids(desk, run, key, hosts)
    _say(desk, f"/runs/{run}/steps/{key}/retry", {"reason": reason, "host_ids": ids or None}, wait)


@click.command("skip", cls=Verb)
@run_argument
@step_option
@reason
@waiting
@pass_desk
def skip(desk: Desk, run: int, step: str | None, reason: str, wait: bool) -> None:
    """Go on without a broken step."""
    key = _step(desk.client.get(f"/runs/{run}"), "skip", step)
    _say(desk, f"/runs/{run}/steps/{key}/skip", {"reason": reason}, wait)


@click.command("go-on", cls=Verb)
@run_argument
@step_option
@waiting
@pass_desk
def go_on(desk: Desk, run: int, step: str | None, wait: bool) -> None:
    """Let the next batch, or a start that waits for a person, go on."""
    key = _step(desk.client.get(f"/runs/{run}"), "go-on", step)
    _say(desk, f"/runs/{run}/steps/{key}/go-on", {}, wait)


@click.command("exclude", cls=Verb)
@run_argument
@step_option
@host_option
@reason
@waiting
@pass_desk
def exclude(desk: Desk, run: int, step: str | None, hosts: Any, reason: str, wait: bool) -> None:
    """Take hosts out of the rollout: those that failed, or have not begun."""
    if not hosts:
        raise Usage("Say which hosts, with --host.")
    key = _step(desk.client.get(f"/runs/{run}"), "exclude", step)
    body = {"reason": reason, "host_ids": _host_ids(desk, run, key, hosts)}
    _say(desk, f"/runs/{run}/steps/{key}/exclude", body, wait)


@click.command("resolve", cls=Verb)
@run_argument
@click.argument("answer", type=click.Choice(["done", "retry", "fail"]))
@step_option
@host_option
@reason
@waiting
@pass_desk
def resolve(desk: Desk, run: int, answer: str, step: str | None, hosts: Any, reason: str, wait: bool) -> None:
    """Say what became of an `unknown` end. Without --host: of all that are unknown."""
    key = _step(desk.client.get(f"/runs/{run}"), "resolve", step)
    ids = _host_ids(desk, run, key, hosts)
    body = {"answer": answer, "reason": reason, "host_ids": ids or None}
    _say(desk, f"/runs/{run}/steps/{key}/resolve", body, wait)


@click.command("rerun", cls=Verb)
@run_argument
@click.option("--note", default="", metavar="TEXT", help="Why; shown wherever the run is.")
@waiting
@pass_desk
def rerun(desk: Desk, run: int, note: str, wait: bool) -> None:
    """A run's task once more: the newest template, the same values, the hosts that there are now."""
    _say(desk, f"/runs/{run}/rerun", {"note": note}, wait)


def add_to(group: click.Group) -> None:
    for command in (start, stop, pause, resume, give_up, retry, rerun, skip, go_on, exclude, resolve):
        group.add_command(command)
