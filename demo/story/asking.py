"""What the acts ask of the platform, and how they compare its word with the hosts."""

from __future__ import annotations

from collections.abc import Iterable

from demo.api import Json, Unexpected, expect, same, until
from demo.truth import Answer, done
from demo.world import World

ENDED = {"succeeded", "failed", "rejected", "canceled"}
STUCK = {"why_held", "why_step_broken", "why_locks_refused", "why_plan_changed"}
RUN_SECONDS = 60


def request(world: World, action: str, version: str | None, hosts: object = "all", **more: object) -> Json:
    """A release request; ``hosts``: "all" or names."""
    chosen = hosts if isinstance(hosts, str) else {"names": list(hosts)}  # type: ignore[call-overload]
    body: Json = {"service": world.service, "action": action, "hosts": chosen, **more}
    if version is not None:
        body["version"] = world.versions[version]
    return body


def release(world: World, action: str, version: str | None, hosts: object = "all", **more: object) -> Json:
    """Ann asks for a release; the run is remembered for the report of a failure."""
    made: Json = world.ann.post("/releases", request(world, action, version, hosts, **more))
    world.run = made["run_id"]
    return made


def run_of(world: World, run: int) -> Json:
    world.run = run
    found: Json = world.ann.get(f"/runs/{run}")
    return found


def await_run(world: World, run: int, *wanted: str, seconds: float = RUN_SECONDS) -> Json:
    """The run, once its status is one of ``wanted``; another end is a failure at once."""

    def look() -> Json | None:
        found = run_of(world, run)
        if found["status"] in wanted:
            return found
        if found["status"] in ENDED or found["why"]["code"] in STUCK:
            raise Unexpected(f"run {run} is {found['status']} instead of {' or '.join(wanted)}: {why(found)}")
        return None

    return until(f"run {run} is {' or '.join(wanted)}", look, seconds)


def why(run: Json) -> str:
    reason = run.get("why") or {}
    return str(reason.get("text") or reason.get("code") or run.get("outcome") or "no reason given")


def finish(world: World, made: Json, seconds: float = RUN_SECONDS) -> Json:
    return await_run(world, made["run_id"], "succeeded", seconds=seconds)


def open_approval(world: World, run: int, seconds: float = RUN_SECONDS) -> Json:
    """The approval that bob is asked for."""

    def look() -> Json | None:
        found = run_of(world, run)
        if found["status"] in ENDED:
            raise Unexpected(f"run {run} is {found['status']} and asks for no approval: {why(found)}")
        return next((asked for asked in found["approvals"] if asked["status"] == "open"), None)

    return until(f"run {run} asks for an approval", look, seconds)


def approve(world: World, run: int, note: str) -> Json:
    asked = open_approval(world, run)
    body = {"note": note, "plan_hash": asked["plan_hash"]}
    decided: Json = world.bob.post(f"/runs/{run}/steps/{asked['key']}/approve", body)
    return decided


def rollout(run: Json) -> Json:
    """The step of a run that goes over the hosts."""
    return next(step for step in run["steps"] if step["kind"] == "rollout")


def lanes(world: World, run: int) -> dict[str, Json]:
    key = rollout(run_of(world, run))["key"]
    return {lane["host"]: lane for lane in world.ann.items(f"/runs/{run}/lanes", key=key)}


def bodies(found: Iterable[Json]) -> set[str]:
    return {target["body"] for lane in found for target in lane["targets"] if target.get("body")}


def verify(world: World, wanted: dict[str, str], statuses: dict[str, str] | None = None) -> dict[str, Answer]:
    """The processes on the hosts and the platform's instances both say ``wanted`` (host -> version)."""
    said = world.answers()
    running = {name: answer.version if answer else "nothing answers" for name, answer in said.items()}
    same({name: running[name] for name in wanted}, wanted, "what the hosts answer")
    instances = world.instances()
    believed = {name: instances[name]["version"] for name in wanted}
    same(believed, wanted, "what the platform says they run")
    should = {name: (statuses or {}).get(name, "running") for name in wanted}
    same({name: instances[name]["status"] for name in wanted}, should, "the statuses of the instances")
    return {name: answer for name, answer in said.items() if answer}


def verify_unlocked(world: World) -> None:
    locked = {name: row["lock"] for name, row in world.instances().items() if row["lock"]}
    same(locked, {}, "the locks left behind")


def verify_once(world: World, made: Json, counts: dict[tuple[str, str], int], hosts: Iterable[str]) -> None:
    """Each script went on each host exactly as often as it should for this release."""
    for name in hosts:
        found = done(world.acts_log(name), str(made["id"]))
        for (script, version), wanted in counts.items():
            what = f"{script} of {version} on {name} for release {made['id']}"
            same(found[script, version], wanted, f"times of {what}")
        extra = {act: count for act, count in found.items() if act not in counts}
        expect(not extra, f"on {name} there was more than asked: {extra}")
