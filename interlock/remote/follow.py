"""Following one body's log over a shell: every byte once, whatever dies or shrinks on the way."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable

from interlock.remote import orders
from interlock.remote.bodies import BodyState, BodyStatus
from interlock.remote.refusals import HostFailed, LinkLost
from interlock.remote.shells import REPLY_TIMEOUT, Shell, Shells

Sink = Callable[[int, bytes], Awaitable[None]]

CHUNK = 64 * 1024
# After the end, bytes that are still missing may be this long in coming before we ask for them again.
STALLED = 0.3
# A body that has ended within this has its log handed over whole: nothing is started there to watch it.
SOON = 0.03
# While others wait for a shell, a follower gives its own away after this long, and gets in line.
TURN = 1.0
# `echo >/dev/stderr` in a script is enough: Linux opens the log anew, and cuts it.
SHRANK = b"[interlock: the body has cut its own log; what follows may begin late, or say things twice]\n"


class Follower:
    """``position`` counts what was handed on; ``_shift`` of that, the host's file does not have."""

    def __init__(self, body_id: str, offset: int, sink: Sink) -> None:
        self.body_id = body_id
        self.position = offset
        self._sink = sink
        self._shift = 0
        self._shrank = False

    async def run(self, shells: Shells) -> BodyState:
        while True:
            async with shells.one_to_follow() as shell:
                mark = secrets.token_hex(16)
                shell.begin(orders.follow(self.body_id, self._source, mark), mark, follows=True)
                state = await self._first(shell)
                if state.status is not BodyStatus.running:
                    await self._rest(shell, state)
                    return state
                if ended := await self._ended_soon(shell):
                    shell.send("rest\n")
                    await self._rest(shell, ended)
                    return ended
                shell.send("watch\n")
                state = await self._while_running(shell, shells)
                shell.drop_the_rest()
                shell.send("done\n")
            if state.status is not BodyStatus.running and self._source >= state.log_size:
                return state

    @property
    def _source(self) -> int:
        """Where we are in the host's file."""
        return self.position - self._shift

    async def _first(self, shell: Shell) -> BodyState:
        words = await shell.reply()
        if words[0] == "shrank":
            await self._cut()
            self._shift = self.position
            words = await shell.reply()
        return orders.state(words)

    async def _cut(self) -> None:
        if not self._shrank:
            self._shrank = True
            await self._hand_on(SHRANK)
            self._shift += len(SHRANK)

    async def _rest(self, shell: Shell, state: BodyState) -> None:
        """Of a body that has ended: what there is, up to the mark."""
        while True:
            marked = shell.marked
            while await self._deliver(shell):
                pass
            if marked:
                return await self._cut() if self._source < state.log_size else None
            if not await shell.changed(REPLY_TIMEOUT):
                raise LinkLost("no_reply", shell.said())

    async def _ended_soon(self, shell: Shell) -> BodyState | None:
        clock = asyncio.get_running_loop().time
        deadline = clock() + SOON
        while not (words := shell.reply_now()):
            if not await shell.changed(max(0.0, deadline - clock())):
                return None
        if words[0] == "failed":
            raise HostFailed(words[1], shell.said())
        return orders.state(words)

    async def _while_running(self, shell: Shell, shells: Shells) -> BodyState:
        """Until all is here; or still running, to let somebody else have the shell; or stalled."""
        clock = asyncio.get_running_loop().time
        began, ended_at = clock(), 0.0
        state = BodyState(BodyStatus.running)
        while True:
            if words := shell.reply_now():
                if words[0] == "failed":
                    raise HostFailed(words[1], shell.said())
                state, ended_at = orders.state(words), clock()
            ended = state.status is not BodyStatus.running
            if await self._deliver(shell):
                ended_at = clock()
                continue
            if ended and self._source > state.log_size:
                await self._cut()
            if ended and (self._source == state.log_size or clock() - ended_at >= STALLED):
                return state
            if not ended and shells.wanted and clock() - began >= TURN:
                return state
            if not shell.has_reply:
                await shell.changed(STALLED if ended else TURN if shells.wanted else None)

    async def _deliver(self, shell: Shell) -> bool:
        data = shell.take(CHUNK)
        if data:
            await self._hand_on(data)
        return bool(data)

    async def _hand_on(self, data: bytes) -> None:
        await self._sink(self.position, data)
        self.position += len(data)
