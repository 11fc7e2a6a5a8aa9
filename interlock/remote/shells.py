"""A resident shell on a host, as seen from here, and the pool of those of one link.

stdout carries raw bytes that end with a mark we chose; stderr carries reply lines "@<nonce> words"
and, as noise, whatever programs complain about.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from interlock.remote.refusals import FenceRefused, HostFailed, LinkLost

PAUSE_ABOVE = 1024 * 1024
RESUME_BELOW = 256 * 1024
NOISE_KEPT = 8 * 1024
REPLY_TIMEOUT = 30.0
# sshd's MaxSessions is 10: eight shells, SFTP, one to spare. Two of the eight are kept from followers.
MOST_SHELLS = 8
MOST_FOLLOWERS = 6


class Wire(Protocol):
    """The far end of a shell: an SSH session or a subprocess."""

    def write(self, data: bytes) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def close(self) -> None: ...
    @property
    def is_gone(self) -> bool: ...
    async def gone(self) -> None: ...


class Shell:
    def __init__(self) -> None:
        self.nonce = secrets.token_hex(8)
        self.pid = 0
        self.noise = bytearray()
        self.marked = True  # nothing but what comes after the mark is wanted
        self._prefix = f"@{self.nonce} ".encode()
        self._wire: Wire | None = None
        self._out = bytearray()
        self._raw = bytearray()
        self._skips: deque[bytes] = deque()  # marks of commands left early: all before them is dropped
        self._line = bytearray()
        self._replies: deque[list[str]] = deque()
        self._overs = self._stale = 0  # ends of follows still to be told; of these, from before this command
        self._mark = b""
        self._paused = False
        self._changed = asyncio.Event()
        self._over: str | None = None

    # fed by the wire

    def attached(self, wire: Wire) -> None:
        self._wire = wire

    def feed_out(self, data: bytes) -> None:
        self._changed.set()
        while self._skips:
            self._raw += data
            found = self._raw.find(self._skips[0])
            if found < 0:
                del self._raw[: -len(self._skips[0])]
                return
            data = bytes(self._raw[found + len(self._skips.popleft()) :])
            self._raw.clear()
        if self.marked:
            return
        searched = max(0, len(self._out) - len(self._mark) + 1)
        self._out += data
        found = self._out.find(self._mark, searched)
        if found >= 0:
            del self._out[found:]
            self.marked = True
        if len(self._out) > PAUSE_ABOVE and not self._paused and self._wire:
            self._paused = True
            self._wire.pause()

    def feed_err(self, data: bytes) -> None:
        self._line += data
        if b"\n" in data:
            *lines, rest = bytes(self._line).split(b"\n")
            self._line = bytearray(rest)
            for line in lines:
                self._take_line(line)
        elif len(self._line) > NOISE_KEPT:
            del self._line[:-NOISE_KEPT]
        self._changed.set()

    def _take_line(self, line: bytes) -> None:
        at = line.find(self._prefix)
        if at < 0:
            self.noise += line + b"\n"
            del self.noise[:-NOISE_KEPT]
        else:
            # A program may have left its last line open: the reply follows on the same line.
            self.noise += line[:at]
            self._take_reply(line[at + len(self._prefix) :].decode(errors="replace").split(" "))

    def _take_reply(self, words: list[str]) -> None:
        """A follow may tell of the end twice, and late; it is no answer to the next command then."""
        if words[0] == "over":
            self._overs -= 1
            self._stale = max(0, self._stale - 1)
        elif not self._stale:
            self._replies.append(words)

    def feed_end(self, reason: str) -> None:
        if self._over is None:
            self._over = reason or "closed by the host"
        self._changed.set()

    # used by the link

    @property
    def alive(self) -> bool:
        return self._over is None

    def said(self) -> str:
        return self.noise.decode(errors="replace").strip()

    def begin(self, text: str, mark: str = "", *, follows: bool = False) -> None:
        """Sends commands. With a mark, the stdout up to that mark is theirs. A follow says when it's over."""
        if self._over is not None or self._wire is None:
            raise LinkLost("shell_ended", self._over or "")
        self.noise.clear()
        self._replies.clear()
        self._stale = self._overs
        self._overs += follows
        if mark:
            self.drop_the_rest()
            self._mark, self.marked = mark.encode(), False
        self.send(text)

    def send(self, text: str) -> None:
        if self._wire is not None:
            self._wire.write(text.encode(errors="surrogateescape"))

    def drop_the_rest(self) -> None:
        if not self.marked:
            pending = bytes(self._out[-len(self._mark) :])
            self._skips.append(self._mark)
            self._raw += pending  # the mark may have come in part
        self.marked = True
        self._out.clear()
        self._flow()

    def reply_now(self) -> list[str] | None:
        return self._replies.popleft() if self._replies else None

    @property
    def has_reply(self) -> bool:
        return bool(self._replies)

    def nudge(self) -> None:
        """Whoever waits in ``changed`` shall look around."""
        self._changed.set()

    def take(self, limit: int) -> bytes:
        data = bytes(self._out[:limit])
        del self._out[: len(data)]
        self._flow()
        return data

    def _flow(self) -> None:
        if self._paused and len(self._out) < RESUME_BELOW and self._wire:
            self._paused = False
            self._wire.resume()

    async def changed(self, timeout: float | None) -> bool:
        """Waits until something has come. False: the time was up. Raises when the shell is gone."""
        if self._over is not None:
            raise LinkLost("connection_lost", self._over)
        self._changed.clear()
        try:
            async with asyncio.timeout(timeout):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def reply(self, timeout: float | None = REPLY_TIMEOUT) -> list[str]:
        clock = asyncio.get_running_loop().time
        deadline = None if timeout is None else clock() + timeout
        while (words := self.reply_now()) is None:
            if not await self.changed(None if deadline is None else deadline - clock()):
                raise LinkLost("no_reply", self.said())
        if words[0] == "failed":
            raise HostFailed(words[1], self.said())
        return words

    async def marked_out(self, timeout: float | None = REPLY_TIMEOUT) -> bytes:
        while not self.marked:
            # Shells that answer at length must not be stopped by our own flow control.
            if self._paused and self._wire:
                self._paused = False
                self._wire.resume()
            if not await self.changed(timeout):
                raise LinkLost("no_reply", self.said())
        return self.take(len(self._out))

    def close(self) -> None:
        self.feed_end("closed by us")
        if self._wire is not None:
            self._wire.close()

    @property
    def is_gone(self) -> bool:
        return self._wire is None or self._wire.is_gone

    async def gone(self) -> None:
        """After ``close``: until nothing of it is left on our side."""
        if self._wire is not None:
            await self._wire.gone()


class Shells:
    """Each command has a shell to itself while it lasts; idle ones are used again, in the order of asking."""

    def __init__(self, start: Callable[[], Awaitable[Shell]]) -> None:
        self._start = start
        self._idle: list[Shell] = []
        self._used: set[Shell] = set()
        self._left: set[Shell] = set()
        self._starting = 0
        self._most = MOST_SHELLS
        self._following: set[Shell] = set()
        self._followers = 0
        self._line: deque[object] = deque()
        self._followers_line: deque[object] = deque()
        self._waiting: set[asyncio.Future[None]] = set()

    @property
    def busy(self) -> bool:
        return bool(self._used or self._starting or self._followers_line)

    @property
    def wanted(self) -> bool:
        """Is somebody waiting for a shell that only a follower can give up?"""
        return bool(self._line or self._followers_line)

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Shell]:
        shell = await self._take()
        try:
            yield shell
        except (HostFailed, FenceRefused):
            raise
        except BaseException:
            # Cancelled or lost in the middle: nobody knows what is still to come out of this shell.
            shell.close()
            raise
        finally:
            self._used.discard(shell)
            self._put_back(shell)
            self._wake()

    def _put_back(self, shell: Shell) -> None:
        if shell.alive:
            self._idle.append(shell)
        else:
            self._left = {left for left in (*self._left, shell) if not left.is_gone}

    @asynccontextmanager
    async def one_to_follow(self) -> AsyncIterator[Shell]:
        await self._turn(
            self._followers_line, lambda: self._followers < max(1, min(MOST_FOLLOWERS, self._most - 2))
        )
        self._followers += 1
        try:
            async with self.one() as shell:
                self._following.add(shell)
                try:
                    yield shell
                finally:
                    self._following.discard(shell)
        finally:
            self._followers -= 1
            self._wake()

    async def _take(self) -> Shell:
        while True:
            await self._turn(self._line, lambda: bool(self._idle) or not self._full)
            while self._idle:
                shell = self._idle.pop()
                if shell.alive:
                    self._used.add(shell)
                    return shell
                self._put_back(shell)
            if not self._full and (started := await self._start_one()):
                return started

    @property
    def _full(self) -> bool:
        return len(self._used) + self._starting >= self._most

    async def _start_one(self) -> Shell | None:
        self._starting += 1
        try:
            shell = await self._start()
        except HostFailed as failed:
            # The host allows fewer sessions than we thought: make do with those we have.
            if failed.code != "no_session" or not self._used:
                raise
            self._most = len(self._used)
            return None
        finally:
            self._starting -= 1
            self._wake()
        self._used.add(shell)
        return shell

    async def _turn(self, line: deque[object], free: Callable[[], bool]) -> None:
        """First come, first served: who has just given a shell up does not get it before those who wait."""
        ticket = object()
        line.append(ticket)
        try:
            while line[0] is not ticket or not free():
                for shell in self._following:
                    shell.nudge()
                waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._waiting.add(waiter)
                try:
                    await waiter
                finally:
                    self._waiting.discard(waiter)
        finally:
            line.remove(ticket)
            self._wake()

    def _wake(self) -> None:
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def close(self) -> None:
        every = {*self._idle, *self._used, *self._left}
        self._idle.clear()
        self._left.clear()
        for shell in every:
            shell.close()
        await asyncio.gather(*(shell.gone() for shell in every))
