"""What is there to look at: six hosts with hello v1.0, and an upgrade that waits for its approval."""

from __future__ import annotations

from demo.story.asking import finish, open_approval, release, verify
from demo.world import World, all_tags, build


def prepare(world: World) -> None:
    build(world, all_tags())
    finish(world, release(world, "deploy", "v1.0", world.names, batches=["100%"]))
    verify(world, dict.fromkeys(world.names, "v1.0"))
    more = {"batches": ["1", "100%"], "confirm": [0], "approval": {"quorum": 1, "not_requester": True}}
    waiting = release(world, "upgrade", "v1.1", **more)
    open_approval(world, waiting["run_id"])
