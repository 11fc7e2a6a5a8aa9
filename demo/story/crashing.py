"""Kill the platform in the middle of an upgrade."""

from __future__ import annotations

import time

from demo.api import Unexpected, same, until
from demo.story.asking import await_run, lanes, release, verify, verify_once, verify_unlocked
from demo.truth import done
from demo.world import World

# In one process the leases of the dead are over at boot; in a cluster they have to run out.
ALONE_SECONDS, CLUSTER_SECONDS = 30, 60


def kill_and_go_on(world: World) -> str:
    """kill -9 while every host is starting the new version; nothing is done twice."""
    made = release(world, "upgrade", "v1.4", batches=["100%"])
    run, mark = made["run_id"], str(made["id"])
    until("the new version is being started", lambda: _starting(world, mark), 40)
    killed_at = time.monotonic()
    killed = _kill(world)
    await_run(world, run, "succeeded", seconds=CLUSTER_SECONDS if world.platform.workers else ALONE_SECONDS)
    seconds = time.monotonic() - killed_at
    verify(world, dict.fromkeys(world.names, "v1.4"))
    counts = {("stop", "v1.2"): 1, ("start", "v1.4"): 1, ("started", "v1.4"): 1}
    verify_once(world, made, counts, world.names)
    former = [target["history"] for lane in lanes(world, run).values() for target in lane["targets"]]
    same([tries for tries in former if tries], [], "tries that had to be made again")
    verify_unlocked(world)
    return f"{killed} killed while six hosts started v1.4; {seconds:.1f} s later all done, each step once"


def _starting(world: World, mark: str) -> bool:
    found = [done(world.acts_log(name), mark) for name in world.names]
    if any(count["started", "v1.4"] for count in found):
        raise Unexpected("a host was through before the platform could be killed")
    return all(count["start", "v1.4"] for count in found)


def _kill(world: World) -> str:
    """The server; in a cluster every worker and the web process, and one worker less comes back."""
    platform = world.platform
    for server in (*platform.workers, platform.web):
        server.crash()
    platform.web.start()
    for worker in platform.workers[:1]:
        worker.start()
    return "both workers and the web process" if platform.workers else "the server"
