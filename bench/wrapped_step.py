"""What a step on a host costs above a bare command, over one open connection to a real sshd.

  ./dev bench wrapped_step [--steps 200] [--rounds 3]

A bare command is a channel of its own with `true` in it. A step is launched at most once, followed, and its
end read back. Rounds alternate. The far side's CPU is that of sshd and all that comes from it, counted by a
control group. The account's start files are left out of both: they would be most of a bare command's time.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import asyncssh

from bench import places
from demo.hosts import DemoHost, DemoHosts
from demo.servers import free_port
from interlock.remote import Body, HostSpec, Links, PrivateKeyAuth

GROUPS = Path("/sys/fs/cgroup/cpuacct")


async def measure(hosts: DemoHosts, far: Callable[[], float], steps: int, rounds: int) -> None:
    host = hosts.hosts[0]
    links = Links()
    bare = await asyncssh.connect(
        host.address,
        host.port,
        username=host.user,
        client_keys=[str(hosts.client_key)],
        known_hosts=None,
        config=None,
    )
    link = await links.get(_spec(host, hosts.client_key.read_text()))
    figures: dict[str, list[tuple[float, float]]] = {"bare": [], "step": []}

    async def plain(number: int) -> None:
        await bare.run("true", check=True)

    async def wrapped(number: int) -> None:
        body = Body(id=f"bench-{number}", script=b"true\n")
        await link.launch(body)
        await link.follow(body.id, 0, _ignore)

    for number in range(rounds):
        for title, one in (("bare", plain), ("step", wrapped)):
            await series(one, -20 * (number + 1), 20)  # warm
            began = far()
            times = await series(one, number * steps, steps)
            used = (far() - began) / steps * 1000
            figures[title] += [(milliseconds, used) for milliseconds in times]
    report(figures)
    bare.close()
    await links.close()


def _spec(host: DemoHost, key: str) -> HostSpec:
    return HostSpec(
        id=1,
        name=host.name,
        address=host.address,
        port=host.port,
        user=host.user,
        auth=PrivateKeyAuth(key),
        host_keys=(host.host_key,),
        state_dir=str(host.state_dir),
    )


async def series(one: Callable[[int], Awaitable[None]], first: int, count: int) -> list[float]:
    times = []
    for number in range(first, first + count):
        began = time.perf_counter()
        await one(number)
        times.append((time.perf_counter() - began) * 1000)
    return times


async def _ignore(offset: int, data: bytes) -> None:
    return None


def report(figures: dict[str, list[tuple[float, float]]]) -> None:
    middle = {title: statistics.median(ms for ms, _ in rows) for title, rows in figures.items()}
    cpu = {title: statistics.mean(used for _, used in rows) for title, rows in figures.items()}
    for title, rows in figures.items():
        worst = statistics.quantiles([ms for ms, _ in rows], n=100)[98]
        print(f"{title}  p50 {middle[title]:5.1f} ms  p99 {worst:5.1f} ms  far side {cpu[title]:4.1f} ms CPU")
    more, far = middle["step"] - middle["bare"], cpu["step"]
    print(f"a step costs {more:+.1f} ms (target +25) and {far:.1f} ms of the far side's CPU (target 6)")


@contextlib.contextmanager
def counted(pid: int) -> Iterator[Callable[[], float]]:
    """A clock of the CPU seconds that a process and all its offspring use, orphans included."""
    group = GROUPS / f"interlock-bench-{os.getpid()}"
    if not os.access(GROUPS, os.W_OK):
        raise SystemExit(f"the far side's CPU is counted by a control group under {GROUPS}: that takes root")
    group.mkdir()
    (group / "cgroup.procs").write_text(str(pid))
    try:
        yield lambda: int((group / "cpuacct.usage").read_text()) / 1e9
    finally:
        for left in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                (GROUPS / "cgroup.procs").write_text(left)
        with contextlib.suppress(OSError):
            group.rmdir()


def _without_start_files(host: DemoHost) -> int:
    """Tell the host's sshd to say that its shells are inner ones: those read no start files. Its pid."""
    pid = int((host.folder / "pid").read_text())
    with (host.folder / "sshd_config").open("a") as config:
        config.write("SetEnv SHLVL=2\n")
    os.kill(pid, signal.SIGHUP)
    time.sleep(0.5)  # it starts itself anew, under the same pid
    return pid


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    print(f"{asked.rounds} x {asked.steps} steps, {places.machine()}", flush=True)
    with tempfile.TemporaryDirectory(prefix="interlock-bench-") as folder:
        hosts = DemoHosts(Path(folder), count=1, base="127.79.1", port=free_port("127.79.1.1"))
        hosts.start()
        try:
            with counted(_without_start_files(hosts.hosts[0])) as far:
                asyncio.run(measure(hosts, far, asked.steps, asked.rounds))
        finally:
            hosts.stop()


if __name__ == "__main__":
    main()
