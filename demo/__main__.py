"""``./dev demo``: a working platform with six hosts, four people and a service to release.

``--check`` plays the whole story on a world of its own and says whether all of it held.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path

import httpx

from demo import booting
from demo.api import Unexpected
from demo.hosts import ADDRESS_BASE, DemoHosts, has_address
from demo.platform import ADMIN, PASSWORD, ROOT, Platform
from demo.repository import make_repository
from demo.servers import free_port
from demo.story import showing
from demo.story.telling import tell
from demo.world import PEOPLE, World, keep, make_world, read_kept

DEFAULT_PORT = 8700
HOSTS = 6
# A server or a host that does not start is a RuntimeError.
FAILURES = (Unexpected, RuntimeError, httpx.HTTPError, KeyError)
# An address that no machine has as its own: the hosts are told apart by ports, as on macOS.
NOWHERE = "192.0.2"


class Demo:
    """The hosts and the platform, on one data folder."""

    def __init__(self, data: Path, port: int, cluster: bool, base: str = ADDRESS_BASE) -> None:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.data = data
        known = read_kept(self.kept)
        # Of its own, so that two demos may run side by side.
        own = [f"{base}.{number}" for number in range(1, HOSTS + 1)] if has_address(f"{base}.1") else []
        ssh_port = known.hosts_port if known else free_port(*own)
        self.hosts = DemoHosts(data / "hosts", HOSTS, base, ssh_port)
        self.platform = Platform(data, port, cluster)

    @property
    def kept(self) -> Path:
        return self.data / "world.json"

    def start(self) -> World:
        """The world of the last time, or a new one."""
        self.hosts.start()
        booting.boot(self.hosts.hosts)
        self.platform.start()
        known = read_kept(self.kept)
        if known:
            known.address = self.platform.address
            return World(self.hosts.hosts, self.platform, known)
        repository = make_repository(self.data / "hello")
        hello_port = free_port(*{host.address for host in self.hosts.hosts})
        key = self.hosts.client_key.read_text()
        return make_world(self.platform, self.hosts.hosts, key, hello_port, repository)

    def stop(self) -> None:
        self.platform.stop()
        self._end_hosts()

    def _end_hosts(self) -> None:
        self.hosts.stop()
        booting.halt(self.data / "hosts")

    def remove(self) -> None:
        self.platform.remove()
        self._end_hosts()
        shutil.rmtree(self.data, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__)
    parser.add_argument("--check", action="store_true", help="play the story, and say whether it held")
    parser.add_argument("--cluster", action="store_true", help="on PostgreSQL and Valkey, with two workers")
    parser.add_argument("--fresh", action="store_true", help="forget the world of the last time")
    parser.add_argument("--port", type=int, help="where to answer")
    parser.add_argument("--one-address", action="store_true", help="as where only 127.0.0.1 exists")
    asked = parser.parse_args()
    # A stop asked of us must still end the servers and the hosts, also where we were started in the
    # background of a shell, which ignores Control-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return check(asked) if asked.check else show(asked)
    except KeyboardInterrupt:
        return 130


def check(asked: argparse.Namespace) -> int:
    began = time.monotonic()
    data = Path(tempfile.mkdtemp(prefix="interlock-demo-"))
    base = NOWHERE if asked.one_address else ADDRESS_BASE
    demo = Demo(data, asked.port or free_port(), asked.cluster, base)
    held = False
    try:
        world = demo.start()
        kind = "PostgreSQL, Valkey, two workers" if asked.cluster else "one process, SQLite"
        print(f"  {time.monotonic() - began:5.1f} s  six hosts and a platform ({kind})", flush=True)
        held = tell(world)
    except FAILURES as error:
        print(f"✗ the world could not be made: {error}\n{demo.platform.log_ends()}", flush=True)
    finally:
        _ignore_signals()
        if held:
            demo.remove()
        else:
            demo.stop()
    seconds = time.monotonic() - began
    kept = " and ".join(str(folder) for folder in demo.platform.folders)
    print(f"all of it held, {seconds:.0f} s" if held else f"it did not hold, {seconds:.0f} s; data: {kept}")
    return 0 if held else 1


def show(asked: argparse.Namespace) -> int:
    data = ROOT / ".demo" / ("cluster" if asked.cluster else "single")
    port = asked.port or (DEFAULT_PORT if _is_free(DEFAULT_PORT) else free_port())
    base = NOWHERE if asked.one_address else ADDRESS_BASE
    demo = Demo(data, port, asked.cluster, base)
    if asked.fresh or not demo.kept.exists():
        # A world that was not finished is none.
        demo.remove()
        demo = Demo(data, port, asked.cluster, base)
    try:
        world = demo.start()
        if not demo.kept.exists():
            showing.prepare(world)
            keep(world, demo.kept)
        _welcome(world, data)
        while True:
            signal.pause()
    except KeyboardInterrupt:
        pass
    except FAILURES as error:
        print(f"{error}\n{demo.platform.log_ends()}", file=sys.stderr)
        return 1
    finally:
        _ignore_signals()
        print("\nending the server and the hosts", flush=True)
        demo.stop()
    return 0


def _ignore_signals() -> None:
    # Impatience (a second Control-C) must not leave half of it behind.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _welcome(world: World, data: Path) -> None:
    people = "\n".join(f"    {name:6} {role}" for name, role in [(ADMIN, "platform admin"), *PEOPLE.items()])
    urls = [f"http://{host.address}:{world.kept.hello_port + host.shift}/" for host in world.hosts]
    print(
        f"""
  Open {world.platform.address}   (API: {world.platform.address}/api/v1/docs)

  Accounts, each with the password {PASSWORD}:
{people}

  Six hosts run hello v1.0: curl {urls[0]} and so on to {urls[-1]}
  An upgrade to v1.1 waits in bob's inbox: sign in as bob, approve it, and watch it; as ann, let it go on.

  Data: {data}   (./dev demo --fresh starts over)
  Control-C ends the server and the hosts.
""",
        flush=True,
    )


def _is_free(port: int) -> bool:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
