"""Upgrades with people in the loop."""

from __future__ import annotations

from demo.api import Json, expect, same, until
from demo.story.asking import (
    approve,
    await_run,
    finish,
    open_approval,
    release,
    rollout,
    run_of,
    verify,
    verify_once,
    verify_unlocked,
)
from demo.story.refusals import refuse_locked
from demo.world import World

APPROVAL = {"quorum": 1, "not_requester": True}


def upgrade_with_approval(world: World) -> str:
    """Approval, a canary that a person looks at, then the rest. Meanwhile the hosts are locked."""
    more = {"batches": ["1", "100%"], "confirm": [0], "approval": APPROVAL}
    made = release(world, "upgrade", "v1.1", **more)
    run = made["run_id"]
    asked = open_approval(world, run)
    same(asked["plan_hash"], made["plan_hash"], "the plan that the approval is about")
    own = world.ann.refusal(f"/runs/{run}/steps/{asked['key']}/approve", {"plan_hash": asked["plan_hash"]})
    same(own["status"], 403, f"the answer to who approves what she asked for ({own})")
    verify(world, dict.fromkeys(world.names, "v1.0"))
    verify_unlocked(world)
    approve(world, run, "Looks right")
    await_confirm(world, run)
    canary, *rest = world.names
    said = world.answers()
    versions = {name: answer.version if answer else None for name, answer in said.items()}
    same(versions, {canary: "v1.1", **dict.fromkeys(rest, "v1.0")}, "what the hosts answer after the canary")
    refuse_locked(world, run)
    world.ann.post(f"/runs/{run}/steps/{rollout(run_of(world, run))['key']}/go-on", {})
    finish(world, made)
    verify(world, dict.fromkeys(world.names, "v1.1"))
    counts = {("stop", "v1.0"): 1, ("start", "v1.1"): 1, ("started", "v1.1"): 1}
    verify_once(world, made, counts, world.names)
    verify_unlocked(world)
    return (
        f"not before bob approved, not by ann herself; canary {canary} alone first; "
        f"others refused while locked, naming ann and run {run}; then all six answer v1.1"
    )


def await_confirm(world: World, run: int) -> Json:
    def look() -> Json | None:
        found = run_of(world, run)
        return found if rollout(found).get("phase") == "confirm" else None

    return until(f"run {run} waits for a person after its first batch", look, 60)


def change_after_approval(world: World) -> str:
    """What was approved is what runs: whoever changes it has to ask again."""
    more = {"batches": ["1", "100%"], "approval": APPROVAL, "start": "manual"}
    made = release(world, "upgrade", "v1.2", **more)
    run = made["run_id"]
    approve(world, run, "Fine")
    until("the approved release waits for its start", lambda: _waits_for_start(world, run), 20)

    changed = world.ann.patch(f"/releases/{made['id']}", {"batches": ["2", "100%"]})
    expect(changed["plan_hash"] != made["plan_hash"], "other batches, but the same plan hash")
    expect(
        "batches" in str(changed["changes"]), f"the change of the batches is not named: {changed['changes']}"
    )
    again = open_approval(world, run)
    same(again["plan_hash"], changed["plan_hash"], "the plan that is to be approved now")
    stale = {"plan_hash": made["plan_hash"], "note": "Fine"}
    late = world.bob.refusal(f"/runs/{run}/steps/{again['key']}/approve", stale)
    same(late["status"], 409, f"the answer to an approval of the former plan ({late})")
    approve(world, run, "Two at first: fine")
    until("the approved release waits for its start", lambda: _waits_for_start(world, run), 20)

    service = world.dee.get(f"/services/{world.service}")
    world.dee.patch(f"/services/{world.service}", {"settings": {**service["settings"], "stop_timeout": 15}})
    _start(world, run)
    third = until("it goes back to approval", lambda: _round_after(world, run, again["round"]), 20)
    differs = world.ann.get(f"/releases/{made['id']}")["changes"]
    expect("stop" in str(differs), f"the change of the service is not named: {differs}")
    verify(world, dict.fromkeys(world.names, "v1.1"))
    verify_unlocked(world)

    approve(world, run, "Noted")
    until("the approved release waits for its start", lambda: _waits_for_start(world, run), 20)
    _start(world, run)
    finish(world, made)
    verify(world, dict.fromkeys(world.names, "v1.2"))
    return (
        f"other batches, then other service settings: back to approval both times (round {third['round']}), "
        "the differences named, nothing touched before; then v1.2 on all six"
    )


def _waits_for_start(world: World, run: int) -> bool:
    found = run_of(world, run)
    decided = bool(found["approvals"]) and all(a["status"] != "open" for a in found["approvals"])
    waits = [s for s in found["steps"] if s["kind"] == "wait" and s["status"] == "waiting"]
    return decided and (found["status"] == "pending" or bool(waits))


def _start(world: World, run: int) -> None:
    found = run_of(world, run)
    waiting = next((s for s in found["steps"] if s["kind"] == "wait" and s["status"] == "waiting"), None)
    if waiting:
        world.ann.post(f"/runs/{run}/steps/{waiting['key']}/go-on", {})
    else:
        world.ann.post(f"/runs/{run}/start", {})


def _round_after(world: World, run: int, former: int) -> Json | None:
    asked = open_approval(world, run)
    return asked if asked["round"] > former else None


def fail_on_canary(world: World) -> str:
    """A version that is not healthy: the canary is put back, the others never hear of it."""
    made = release(world, "upgrade", "v1.3", batches=["1", "100%"], threshold=0, put_back=True)
    run = made["run_id"]
    held = until(f"run {run} waits for a person", lambda: _held(world, run), 60)
    canary, *rest = world.names
    verify(world, dict.fromkeys(world.names, "v1.2"), {canary: "upgrade_failed"} | _moving(world, rest))
    counts = {("stop", "v1.2"): 1, ("start", "v1.3"): 1, ("started", "v1.3"): 1, ("stop", "v1.3"): 1}
    verify_once(world, made, {**counts, ("start", "v1.2"): 1, ("started", "v1.2"): 1}, [canary])
    verify_once(world, made, {}, rest)
    expect(held["why"], f"the run waits and does not say why: {held}")
    world.ann.post(f"/runs/{run}/give-up", {"reason": "v1.3 is not healthy"})
    await_run(world, run, "failed")
    verify(world, dict.fromkeys(world.names, "v1.2"), {canary: "upgrade_failed"})
    verify_unlocked(world)
    return f"{canary} put back to v1.2, five hosts never touched; the run waited for a person, who gave it up"


def _held(world: World, run: int) -> Json | None:
    found = run_of(world, run)
    held = found["status"] == "waiting" and (found["hold"] or rollout(found).get("phase") == "held")
    return found if held else None


def _moving(world: World, names: list[str]) -> dict[str, str]:
    # Hosts whose batch has not come: locked, and on their way or not, by the platform's own word.
    instances = world.instances()
    untouched = {name: instances[name]["status"] for name in names}
    expect(set(untouched.values()) <= {"running", "upgrading"}, f"untouched hosts are {untouched}")
    return untouched
