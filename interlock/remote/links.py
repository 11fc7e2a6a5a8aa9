"""A link: one connection to one host and the resident shells on it; and the pool of links."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path

import asyncssh

from interlock.remote import orders
from interlock.remote.bodies import Answer, Body, BodyState, BodyStatus, Stopped, check_env, check_name
from interlock.remote.connections import connect
from interlock.remote.hosts import HostFacts, HostSpec
from interlock.remote.refusals import FenceRefused, HostFailed, LinkLost, RemoteError, Unreachable
from interlock.remote.shells import REPLY_TIMEOUT, Shell, Shells
from interlock.remote.wires import start_child, start_session

CHUNK = 64 * 1024
HANDSHAKES = 50  # at once: more only makes each of them slower
# Deep pipelines of big blocks double the far side's cost and hold whole files in memory.
SFTP_BLOCK, SFTP_REQUESTS = 32 * 1024, 32
LAUNCH_TIMEOUT = 60.0
OLD_LINK_SECONDS = 300.0
DIGEST_TIMEOUT = 600.0

_SUM = """
sum() { sha256sum <"$1" 2>/dev/null || busybox sha256sum <"$1" 2>/dev/null || openssl dgst -sha256 -r <"$1"; }
"""
_HAVE = (
    _SUM
    + """
if [ -f "$PUT_FILE" ]; then s=$(sum "$PUT_FILE"); [ "${s%% *}" = "$PUT_SHA" ] && { echo same; exit 0; }; fi
mkdir -p "$PUT_FOLDER" && echo wanted
"""
)
_PLACE = (
    _SUM
    + """
s=$(sum "$PUT_PART")
if [ "${s%% *}" = "$PUT_SHA" ]; then
  chmod 0644 "$PUT_PART" && mv -f "$PUT_PART" "$PUT_FILE" && echo placed
else
  rm -f "$PUT_PART"; echo "wrong ${s%% *}"
fi
"""
)
# A body that ended within the hour may still be asked for; its directory is what keeps it from running twice.
_SWEEP = """
cd "$SWEEP_BODIES" || exit 1
seen=0 gone=0
for d in $(ls -1t); do
  [ -e "$d/status" ] || grep -q '^sealed' "$d/claim" 2>/dev/null || continue
  seen=$((seen + 1))
  old=$SWEEP_MINUTES
  [ "$seen" -le "$SWEEP_KEEP" ] || old=60
  [ -n "$(find "$d" -prune -mmin "+$old")" ] || continue
  rm -rf "$d" && gone=$((gone + 1))
done
echo "$gone"
"""

Sink = Callable[[int, bytes], Awaitable[None]]


class Link:
    """Safe for use by several coroutines at once. Made by ``Links.get``."""

    facts: HostFacts

    def __init__(self, spec: HostSpec, connection: asyncssh.SSHClientConnection | None) -> None:
        self.spec = spec
        self.connection = connection
        self._shells = Shells(self._start_shell)
        self._closed = False

    async def open(self) -> None:
        """Start the first shell and learn what the host is."""
        async with self._shells.one():
            pass

    @property
    def alive(self) -> bool:
        return not self._closed and (self.connection is None or not self.connection.is_closed())

    async def _start_shell(self) -> Shell:
        if self.connection is None:
            shell = await start_child(self.spec.shell)
        else:
            shell = await start_session(self.connection, self.spec.shell)
        try:
            await self._greet(shell)
        except BaseException:
            shell.close()
            raise
        return shell

    async def _greet(self, shell: Shell) -> None:
        mark = _mark()
        shell.begin(orders.open_shell(self.spec, shell.nonce, mark), mark)
        facts: dict[str, str] = {}
        while True:
            words = await shell.reply()
            if words[0] != "fact":
                break
            facts[words[1]] = " ".join(words[2:])
        await shell.marked_out()
        if words[0] == "bare":
            shell.send(orders.leave_tools())
            words = await shell.reply()
        if words[0] != "ready":
            raise LinkLost("bad_reply", " ".join(words))
        shell.pid = int(facts["pid"])
        self.facts = HostFacts(
            machine_id=facts["machine"],
            boot_id=facts["boot"],
            user=facts["user"],
            home=facts["home"],
            shell=facts["shell"],
            state_dir=facts["state_dir"],
            clock_skew=float(facts["clock"]) - time.time(),
        )

    async def launch(self, body: Body) -> BodyState:
        """Start the body unless it was ever started; whoever launches how often, it runs at most once."""
        async with self._shells.one() as shell:
            shell.begin(orders.launch(body))
            words = await shell.reply(LAUNCH_TIMEOUT)
            if words[0] == "taken":
                shell.begin(orders.look(body.id))
                words = await shell.reply()
            if words[0] == "refused":
                raise FenceRefused((int(words[1]), int(words[2])))
            return orders.state(words)

    async def look(self, body_id: str) -> BodyState:
        return await self._state(orders.look(check_name(body_id)))

    async def seal(self, body_id: str) -> BodyState:
        """A body that nobody has claimed can never start after this; otherwise its state."""
        return await self._state(orders.seal(check_name(body_id)))

    async def _state(self, text: str) -> BodyState:
        async with self._shells.one() as shell:
            shell.begin(text)
            return orders.state(await shell.reply())

    async def follow(self, body_id: str, offset: int, sink: Sink) -> BodyState:
        """Hand the body's output from ``offset`` on to ``sink``, each byte once, until it has ended."""
        check_name(body_id)
        mark = _mark()
        async with self._shells.one_to_follow() as shell:
            shell.begin(orders.follow(body_id, offset, mark), mark)
            state = orders.state(await shell.reply())
            if state.status is BodyStatus.running:
                state, offset = await self._until_ended(shell, offset, sink)
                shell.drop_the_rest()
                shell.send("\n")
                return state
            while True:
                offset = await _hand_on(shell, offset, sink)
                if shell.marked:
                    await _hand_on(shell, offset, sink)
                    return state
                await _more(shell, self)

    async def _until_ended(self, shell: Shell, offset: int, sink: Sink) -> tuple[BodyState, int]:
        state: BodyState | None = None
        while True:
            offset = await _hand_on(shell, offset, sink)
            words = shell.reply_now()
            if words is not None:
                if words[0] == "failed":
                    raise HostFailed(words[1], shell.said())
                state = orders.state(words)
            if state is not None and offset >= state.log_size:
                return state, offset
            if words is None:
                await _more(shell, self, None if state is None else REPLY_TIMEOUT)

    async def stop(self, body_id: str, *, grace: float = 5.0) -> Stopped:
        """End the body, whatever it has started included, and read back that nothing of it lives."""
        check_name(body_id)
        survivors: list[str] = []
        async with self._shells.one() as shell:
            shell.begin(orders.stop(body_id, grace))
            while True:
                words = await shell.reply(grace + REPLY_TIMEOUT)
                if words[0] == "survivor":
                    survivors.append(" ".join(words[1:]))
                elif words[0] == "stopped":
                    proven = words[1] == "yes"
                    return Stopped(proven, orders.state(["state", *words[2:]]), tuple(survivors))

    async def ask(
        self, script: str, env: Mapping[str, str] | None = None, *, timeout: float = REPLY_TIMEOUT
    ) -> Answer:
        """Run a short question in a subshell: cheap, and not exactly-once."""
        check_env(env or {})
        if "\0" in script:
            raise ValueError("the script holds a NUL byte")
        mark = _mark()
        async with self._shells.one() as shell:
            shell.begin(orders.ask(script, env or {}, mark), mark)
            words = await shell.reply(timeout)
            out = await shell.marked_out(timeout)
            return Answer(int(words[1]), out, shell.said().encode())

    async def put(self, source: Path, path: str, *, sha256: str) -> None:
        """Bring a file there: verified on the host under a temporary name, then renamed."""
        if not path.startswith("/") or "\0" in path or path.endswith("/"):
            raise ValueError("path must be an absolute file name")
        folder, _, name = path.rpartition("/")
        part = f"{folder or '/'}/.{name[:100]}.{secrets.token_hex(6)}"
        env = {"PUT_FILE": path, "PUT_FOLDER": folder or "/", "PUT_PART": part, "PUT_SHA": sha256}
        have = await self.ask(_HAVE, env, timeout=DIGEST_TIMEOUT)
        if have.out.strip() == b"same":
            return
        if have.out.strip() != b"wanted":
            raise HostFailed("put_failed", have.err.decode(errors="replace"))
        try:
            await self._copy(source, part)
        except BaseException:
            with suppress(RemoteError):
                await self.ask('rm -f "$PUT_PART"', env)
            raise
        placed = await self.ask(_PLACE, env, timeout=DIGEST_TIMEOUT)
        word = placed.out.decode(errors="replace").strip()
        if word.startswith("wrong"):
            raise HostFailed(
                "digest_wrong", word.removeprefix("wrong").strip() or "no digest tool on the host"
            )
        if word != "placed":
            raise HostFailed("put_failed", placed.err.decode(errors="replace"))

    async def _copy(self, source: Path, part: str) -> None:
        if self.connection is None:
            try:
                await asyncio.to_thread(shutil.copyfile, source, part)
            except OSError as error:
                raise HostFailed("put_failed", os.strerror(error.errno or 0)) from error
            return
        try:
            async with self.connection.start_sftp_client() as sftp:
                await sftp.put(str(source), part, block_size=SFTP_BLOCK, max_requests=SFTP_REQUESTS)
        except asyncssh.SFTPConnectionLost as error:
            raise LinkLost("connection_lost", error.reason) from error
        except asyncssh.SFTPError as error:
            raise HostFailed("put_failed", error.reason) from error
        except (asyncssh.Error, OSError) as error:
            raise LinkLost("connection_lost", str(error)) from error

    async def sweep(self, *, older_than_days: float, keep: int) -> int:
        """Remove directories of ended bodies: old ones, and beyond ``keep`` those older than an hour."""
        env = {
            "SWEEP_BODIES": f"{self.facts.state_dir}/bodies",
            "SWEEP_MINUTES": str(max(60, round(older_than_days * 24 * 60))),
            "SWEEP_KEEP": str(keep),
        }
        answer = await self.ask(_SWEEP, env, timeout=DIGEST_TIMEOUT)
        if answer.code != 0:
            raise HostFailed("sweep_failed", answer.err.decode(errors="replace"))
        return int(answer.out)

    def abandon(self) -> None:
        """Close without waiting for the host."""
        self._closed = True
        self._shells.close()
        if self.connection is not None:
            self.connection.close()

    async def close(self) -> None:
        self.abandon()
        if self.connection is not None:
            with suppress(asyncssh.Error, OSError):
                await self.connection.wait_closed()


def _mark() -> str:
    return f"--{secrets.token_hex(16)}--"  # plain letters: it is part of shell text


async def _hand_on(shell: Shell, offset: int, sink: Sink) -> int:
    while data := shell.take(CHUNK):
        await sink(offset, data)
        offset += len(data)
    return offset


async def _more(shell: Shell, link: Link, timeout: float | None = None) -> None:
    if not await shell.changed(timeout):
        raise LinkLost("no_reply", shell.said())


class Links:
    """One link a host, made when first asked for and again when it died or its spec changed."""

    def __init__(self) -> None:
        self._links: dict[int, tuple[HostSpec, asyncio.Task[Link]]] = {}
        self._handshakes = asyncio.Semaphore(HANDSHAKES)

    async def get(self, spec: HostSpec) -> Link:
        known = self._links.get(spec.id)
        if known is not None:
            former, task = known
            if former == spec and (not task.done() or _usable(task)):
                return await asyncio.shield(task)
            if former != spec and task.done() and _usable(task):
                # Whoever still uses the old link has time to end.
                asyncio.get_running_loop().call_later(OLD_LINK_SECONDS, task.result().abandon)
        task = asyncio.create_task(self._make(spec))
        self._links[spec.id] = (spec, task)
        return await asyncio.shield(task)

    async def _make(self, spec: HostSpec) -> Link:
        if spec.local:
            link = Link(spec, None)
        else:
            tunnel = (await self.get(spec.bastion)).connection if spec.bastion else None
            async with self._handshakes:
                link = Link(spec, await connect(spec, tunnel))
        try:
            await link.open()
        except HostFailed:
            await link.close()
            raise
        except LinkLost as error:
            # Signed in, but no shell that answers: nothing was asked of the host.
            await link.close()
            raise Unreachable("shell_unusable", error.detail) from error
        return link

    async def close(self) -> None:
        tasks = [task for _, task in self._links.values()]
        self._links.clear()
        for task in tasks:
            if not task.done():
                task.cancel()
        for done in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(done, Link):
                await done.close()


def _usable(task: asyncio.Task[Link]) -> bool:
    return not task.cancelled() and task.exception() is None and task.result().alive
