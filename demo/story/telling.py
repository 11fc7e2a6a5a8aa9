"""Play the acts in order, one line each, and say what went wrong where."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable

import httpx

from demo.api import Json, Unexpected
from demo.servers import ServerError
from demo.story import crashing, preparing, refusals, returning, stopping, upgrading
from demo.world import World

Act = Callable[[World], str]

ACTS: tuple[tuple[str, Act], ...] = (
    ("build six versions", preparing.build_all),
    ("deploy v1.0 to six hosts", preparing.deploy_first),
    ("upgrade to v1.1 with approval, canary first", upgrading.upgrade_with_approval),
    ("refuse what makes no sense", refusals.refuse_nonsense),
    ("change the plan after its approval", upgrading.change_after_approval),
    ("a version that is not healthy", upgrading.fail_on_canary),
    ("kill -9 in mid-upgrade", crashing.kill_and_go_on),
    ("stop in mid-batch", stopping.stop_in_mid_batch),
    ("revert all", returning.revert_all),
    ("delete", returning.delete_all),
    ("ask the doctor", returning.ask_the_doctor),
)


def tell(world: World) -> bool:
    """Play the whole story; whether all of it held."""
    for title, act in ACTS:
        began = time.monotonic()
        try:
            verified = act(world)
        except (Unexpected, ServerError, httpx.HTTPError, KeyError) as error:
            print(f"✗ {time.monotonic() - began:5.1f} s  {title}: {_reason(error)}", flush=True)
            print(_circumstances(world), flush=True)
            return False
        print(f"✓ {time.monotonic() - began:5.1f} s  {title}: {verified}", flush=True)
    return True


def _reason(error: Exception) -> str:
    if isinstance(error, Unexpected | ServerError):
        return str(error)
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})"


def _circumstances(world: World) -> str:
    """The run as its page shows it, what its broken steps wrote, and the ends of the server's logs."""
    parts = []
    if world.run is not None:
        try:
            parts.append(_describe(world, world.run))
        except (Unexpected, httpx.HTTPError, KeyError) as error:
            parts.append(f"run {world.run} cannot be shown: {error}")
    parts.append(world.platform.log_ends())
    return "\n".join(parts)


def _describe(world: World, number: int) -> str:
    run = world.admin.get(f"/runs/{number}")
    lines = [
        f"--- run {number} “{run['title']}” is {run['status']} {run.get('hold') or ''}: {run.get('why')}"
    ]
    for step in run["steps"]:
        lines.append(
            f"  {step['key']} {step['name']} ({step['kind']}): {step['status']} {step.get('phase', '')}"
        )
        lines.append(f"      {step.get('error') or ''} {step.get('tally') or ''}")
        if step.get("body") and step["status"] != "succeeded":
            lines += _log_end(world, number, step["body"])
        if step["kind"] == "rollout":
            for lane in world.admin.items(f"/runs/{number}/lanes", key=step["key"]):
                lines += _describe_lane(world, number, lane)
    return "\n".join(lines)


def _describe_lane(world: World, number: int, lane: Json) -> list[str]:
    steps = ", ".join(f"{target['step']} {target['status']}" for target in lane["targets"])
    lines = [f"    {lane['host']}: {lane['status']} {lane.get('error') or ''} [{steps}]"]
    for target in lane["targets"]:
        if target["status"] not in ("succeeded", "skipped") and target.get("body"):
            lines += _log_end(world, number, target["body"])
    return lines


def _log_end(world: World, number: int, body: str) -> list[str]:
    log = world.admin.text(f"/runs/{number}/logs/{body}")
    return [f"      | {line}" for line in log.splitlines()[-15:]]
