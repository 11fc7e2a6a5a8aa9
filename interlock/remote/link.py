"""A link: one connection to one host, and the resident shells on it."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncssh

from interlock.remote import orders, sweeping
from interlock.remote.bodies import Answer, Body, BodyState, Stopped, check_env, check_name
from interlock.remote.follow import Follower, Sink
from interlock.remote.hosts import HostFacts, HostSpec
from interlock.remote.refusals import FenceRefused, HostFailed, LinkLost, RemoteError
from interlock.remote.shells import REPLY_TIMEOUT, Shell, Shells
from interlock.remote.transfer import copy_here, put, send_over_sftp
from interlock.remote.wires import start_child, start_session

LAUNCH_TIMEOUT = 60.0
CLOSE_SECONDS = 3.0


class Link:
    """Safe for use by several coroutines at once. Made by ``Links.get``."""

    facts: HostFacts

    def __init__(self, spec: HostSpec, connection: asyncssh.SSHClientConnection | None) -> None:
        self.spec = spec
        self.connection = connection
        self.used_at = time.monotonic()
        self._shells = Shells(self._start_shell)
        self._putting = 0
        self._chores: set[asyncio.Task[None]] = set()
        self._closed = False

    async def open(self) -> None:
        """Start the first shell and learn what the host is."""
        async with self._shells.one():
            pass

    @property
    def alive(self) -> bool:
        return not self._closed and (self.connection is None or not self.connection.is_closed())

    @property
    def busy(self) -> bool:
        return self._shells.busy or self._putting > 0 or bool(self._chores)

    async def _start_shell(self) -> Shell:
        if self.connection is None:
            shell = await start_child(self.spec.shell)
        else:
            try:
                async with asyncio.timeout(self.spec.connect_timeout):
                    shell = await start_session(self.connection, self.spec.shell)
            except TimeoutError:
                raise LinkLost("no_reply", "no session was opened") from None
        try:
            await self._greet(shell)
        except BaseException:
            shell.close()
            raise
        return shell

    async def _greet(self, shell: Shell) -> None:
        mark = _mark()
        sent = time.time()
        shell.begin(orders.open_shell(self.spec, shell.nonce, mark), mark)
        told: dict[str, str] = {}
        while True:
            words = await shell.reply()
            if words[0] != "fact":
                break
            told[words[1]] = " ".join(words[2:])
        await shell.marked_out()
        if words[0] == "bare":
            shell.send(orders.leave_tools())
            words = await shell.reply()
        if words[0] != "ready":
            raise LinkLost("bad_reply", " ".join(words))
        shell.pid = int(told["pid"])
        # The host read its clock between these two moments, and tells whole seconds.
        clock = int(told["clock"])
        self.facts = HostFacts(
            machine_id=told["machine"],
            boot_id=told["boot"],
            user=told["user"],
            home=told["home"],
            shell=told["shell"],
            state_dir=told["state_dir"],
            clock_skew=max(clock - time.time(), 0.0) + min(clock + 1 - sent, 0.0),
        )

    @asynccontextmanager
    async def _use(self) -> AsyncIterator[Shells]:
        """For orders of ours: a host that does not answer one has its connection ended."""
        self.used_at = time.monotonic()
        if self._closed:
            raise LinkLost("connection_lost", "this link was closed")
        try:
            yield self._shells
        except LinkLost as lost:
            if lost.code == "no_reply":
                self.abandon()
            raise
        finally:
            self.used_at = time.monotonic()

    @asynccontextmanager
    async def _one(self) -> AsyncIterator[Shell]:
        async with self._use() as shells, shells.one() as shell:
            yield shell

    async def launch(self, body: Body) -> BodyState:
        """Start the body unless it was ever started; whoever launches how often, it runs at most once."""
        async with self._one() as shell:
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
        async with self._one() as shell:
            shell.begin(text)
            return orders.state(await shell.reply())

    async def follow(self, body_id: str, offset: int, sink: Sink) -> BodyState:
        """Hand the body's output from ``offset`` on to ``sink``, each byte once, until it has ended."""
        if offset < 0:
            raise ValueError("offset is negative")
        async with self._use() as shells:
            return await Follower(check_name(body_id), offset, sink).run(shells)

    async def stop(self, body_id: str, *, grace: float = 5.0) -> Stopped:
        """End the body, whatever it has started included, and read back that nothing of it lives."""
        survivors: list[str] = []
        async with self._one() as shell:
            shell.begin(orders.stop(check_name(body_id), grace))
            while (words := await shell.reply(grace + REPLY_TIMEOUT))[0] != "stopped":
                if words[0] == "survivor":
                    survivors.append(" ".join(words[1:]))
        return Stopped(words[1] == "yes", orders.state(["state", *words[2:]]), tuple(survivors))

    async def ask(
        self, script: str, env: Mapping[str, str] | None = None, *, timeout: float = REPLY_TIMEOUT
    ) -> Answer:
        """Run a short question in a subshell: cheap, not exactly-once, and over by its deadline."""
        check_env(env or {})
        if "\0" in script:
            raise ValueError("the script holds a NUL byte")
        used: list[Shell] = []
        try:
            async with asyncio.timeout(timeout):
                return await self._asked(script, env or {}, used)
        except TimeoutError:
            if used and self.alive:
                self._put_down_soon(used[0].pid)
            raise HostFailed("ask_timeout", f"no answer within {timeout:g} s") from None

    async def _asked(self, script: str, env: Mapping[str, str], used: list[Shell]) -> Answer:
        mark = _mark()
        async with self._one() as shell:
            used.append(shell)
            shell.begin(orders.ask(script, env, mark), mark)
            words = await shell.reply(None)
            out = await shell.marked_out(None)
            return Answer(int(words[1]), out, shell.said().encode())

    def _put_down_soon(self, pid: int) -> None:
        """End the shell that hangs, with what it runs there; bodies have sessions of their own."""

        async def put_down() -> None:
            with suppress(RemoteError):
                async with self._one() as shell:
                    shell.begin(f"il_put_down {pid}\n")
                    await shell.reply()

        chore = asyncio.create_task(put_down())
        self._chores.add(chore)
        chore.add_done_callback(self._chores.discard)

    async def put(self, source: Path, path: str, *, sha256: str) -> None:
        """Bring a file there: verified on the host under a temporary name, then renamed."""
        self._putting += 1
        try:
            await put(source, path, sha256, ask=self.ask, send=self._send)
        finally:
            self._putting -= 1
            self.used_at = time.monotonic()

    async def _send(self, source: Path, path: str) -> None:
        if self.connection is None:
            await asyncio.to_thread(copy_here, source, path)
        else:
            await send_over_sftp(self.connection, source, path)

    async def sweep(self, *, older_than_days: float, keep: int) -> int:
        """Remove directories of ended bodies: old ones, and beyond ``keep`` those older than an hour."""
        return await sweeping.sweep(self.ask, self.facts.state_dir, older_than_days, keep)

    def abandon(self) -> None:
        """Close without waiting for the host."""
        self._closed = True
        if self.connection is not None:
            self.connection.abort()

    async def close(self) -> None:
        self._closed = True
        for chore in self._chores:
            chore.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)
        await self._shells.close()
        if self.connection is None:
            return
        self.connection.close()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.connection.wait_closed()
        except (TimeoutError, asyncssh.Error, OSError):
            self.connection.abort()


def _mark() -> str:
    return f"--{secrets.token_hex(16)}--"  # plain letters: it is part of shell text
