"""Kill the platform in the middle of an upgrade."""

from __future__ import annotations

import contextlib
import socket
import time
from pathlib import Path

from demo.api import Unexpected, expect, same, until
from demo.servers import Server
from demo.story.asking import await_run, lanes, release, verify, verify_once, verify_unlocked
from demo.truth import done
from demo.world import World

# In one process the leases of the dead are over at boot; other workers wait for theirs to run out.
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
    """The server; in a cluster the worker that holds the hosts, and the web process."""
    platform = world.platform
    if not platform.workers:
        platform.web.crash()
        platform.web.start()
        return "the server"
    addresses = {host.address for host in world.hosts}
    holding = [worker for worker in platform.workers if _holds(worker, addresses)]
    expect(holding, "no worker has a connection to the hosts")
    for worker in holding:
        worker.crash()
    platform.web.crash()
    if len(holding) == len(platform.workers):
        holding[0].start()
    platform.web.start()
    return f"{len(holding)} of {len(platform.workers)} workers and the web process"


def _holds(server: Server, addresses: set[str]) -> bool:
    """Whether a process has a connection to one of the addresses."""
    assert server.process is not None
    folder = Path(f"/proc/{server.process.pid}")
    sockets = set()
    for entry in (folder / "fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            sockets.add(str(entry.readlink()))
    # As the kernel prints them: the four bytes in the machine's order, here little-endian.
    wanted = {socket.inet_aton(address)[::-1].hex().upper() for address in addresses}
    for line in (folder / "net" / "tcp").read_text().splitlines()[1:]:
        words = line.split()
        if words[2].split(":")[0] in wanted and f"socket:[{words[9]}]" in sockets:
            return True
    return False
