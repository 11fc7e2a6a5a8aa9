"""Go back, and away."""

from __future__ import annotations

import sys
import time

from demo.api import same
from demo.story.asking import finish, release, verify, verify_once, verify_unlocked
from demo.world import World

REVERT_SECONDS = 15


def revert_all(world: World) -> str:
    former = {name: str(row["version"]) for name, row in world.instances().items()}
    asked_at = time.monotonic()
    made = release(world, "revert", "v1.1", batches=["100%"])
    run = finish(world, made, seconds=REVERT_SECONDS)
    seconds = time.monotonic() - asked_at
    verify(world, dict.fromkeys(world.names, "v1.1"))
    for name, version in former.items():
        verify_once(world, made, {("stop", version): 1, ("start", "v1.1"): 1, ("started", "v1.1"): 1}, [name])
    verify_unlocked(world)
    same(run["status"], "succeeded", "the run")
    versions = " and ".join(sorted(set(former.values())))
    return f"six hosts back from {versions} to v1.1 in {seconds:.1f} s, from the packages still there"


def delete_all(world: World) -> str:
    made = release(world, "delete", None, batches=["100%"])
    finish(world, made)
    same(world.answers(), dict.fromkeys(world.names), "what the hosts answer")
    left = {name: row["status"] for name, row in world.instances().items() if row["status"] != "absent"}
    same(left, {}, "the instances that are left")
    packages = [str(path) for name in world.names for path in world.tree(name).glob("versions/*")]
    same(packages, [], "the packages that are left on the hosts")
    verify_unlocked(world)
    return "nothing of hello runs or lies on any host, six instances absent"


def ask_the_doctor(world: World) -> str:
    asked = world.platform.run([sys.executable, "-m", "interlock", "doctor"])
    same((asked.returncode, asked.stdout.strip()), (0, "all is as it must be"), "what the doctor says")
    return "after all this every row of the database is as it must be"
