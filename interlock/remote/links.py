"""The links that a process has open: one a host, shared by all who work on it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import asyncssh

from interlock.remote.connections import connect
from interlock.remote.hosts import HostSpec
from interlock.remote.link import Link
from interlock.remote.refusals import LinkLost, Unreachable

HANDSHAKES = 50  # at once: more only makes each of them slower
IDLE_SECONDS = 300.0  # a link that nobody has used for so long is closed
LOOK_EVERY = 30.0  # how often idle ones are looked for


@dataclass
class _Entry:
    spec: HostSpec
    opening: asyncio.Task[Link]

    @property
    def link(self) -> Link | None:
        """The open link; None while it opens, and when it could not be opened or has died."""
        task = self.opening
        if not task.done() or task.cancelled() or task.exception() or not task.result().alive:
            return None
        return task.result()


class Links:
    """One link a host, made when first asked for and again when it died or its spec changed."""

    def __init__(self, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self._entries: dict[int, _Entry] = {}
        self._bastions: dict[HostSpec, asyncio.Task[asyncssh.SSHClientConnection]] = {}
        self._handshakes = asyncio.Semaphore(HANDSHAKES)
        self._closing: set[asyncio.Task[None]] = set()
        self._tidying: asyncio.Task[None] | None = None

    async def get(self, spec: HostSpec) -> Link:
        entry = self._entries.get(spec.id)
        if entry is None or entry.spec != spec or (entry.opening.done() and entry.link is None):
            if entry is not None:
                self._close_soon(entry)
            entry = self._entries[spec.id] = _Entry(spec, asyncio.create_task(self._open(spec)))
            if self._tidying is None:
                self._tidying = asyncio.create_task(self._tidy())
        # Shielded: one caller giving up must not take the handshake from the others.
        link = await asyncio.shield(entry.opening)
        link.used_at = time.monotonic()
        return link

    async def _open(self, spec: HostSpec) -> Link:
        if spec.local:
            link = Link(spec, None)
        else:
            tunnel = await self._bastion(spec.bastion) if spec.bastion else None
            async with self._handshakes:
                link = Link(spec, await connect(spec, tunnel))
        try:
            await link.open()
        except LinkLost as error:
            # Signed in, but no shell that answers: nothing was asked of the host.
            await link.close()
            raise Unreachable("shell_unusable", error.detail) from error
        except BaseException:
            await link.close()
            raise
        return link

    async def _bastion(self, spec: HostSpec) -> asyncssh.SSHClientConnection:
        opening = self._bastions.get(spec)
        if opening is None or (opening.done() and (_failed(opening) or opening.result().is_closed())):
            opening = self._bastions[spec] = asyncio.create_task(self._open_bastion(spec))
        try:
            return await asyncio.shield(opening)
        except Unreachable as error:
            raise Unreachable("bastion_failed", f"{spec.name}: {error}", offered=error.offered) from error

    async def _open_bastion(self, spec: HostSpec) -> asyncssh.SSHClientConnection:
        tunnel = await self._bastion(spec.bastion) if spec.bastion else None
        async with self._handshakes:
            return await connect(spec, tunnel)

    def _close_soon(self, entry: _Entry) -> None:
        closing = asyncio.create_task(self._close_when_unused(entry))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _close_when_unused(self, entry: _Entry) -> None:
        """Of a link that was replaced: whoever still uses it comes to an end first."""
        await asyncio.wait({entry.opening})
        link = None if _failed(entry.opening) else entry.opening.result()
        while link is not None and link.alive and link.busy:
            await asyncio.sleep(0.5)
        if link is not None:
            await link.close()

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(min(LOOK_EVERY, self._idle_seconds))
            before = time.monotonic() - self._idle_seconds
            for host_id, entry in list(self._entries.items()):
                link = entry.link
                unused = link is not None and not link.busy and link.used_at < before
                if entry.opening.done() and (link is None or unused):
                    del self._entries[host_id]
                    self._close_soon(entry)
            await self._leave_bastions()

    async def _leave_bastions(self) -> None:
        """A bastion goes with the last link behind it."""
        needed = {spec for entry in self._entries.values() for spec in _ways(entry.spec)}
        busy = bool(self._closing) or any(not entry.opening.done() for entry in self._entries.values())
        for spec in [] if busy else [spec for spec in self._bastions if spec not in needed]:
            await _end_bastion(self._bastions.pop(spec))

    async def close(self) -> None:
        if self._tidying is not None:
            self._tidying.cancel()
            await asyncio.gather(self._tidying, return_exceptions=True)
            self._tidying = None
        entries, self._entries = list(self._entries.values()), {}
        for entry in entries:
            if not entry.opening.done():
                entry.opening.cancel()
        closing = list(self._closing)
        for task in closing:
            task.cancel()
        await asyncio.gather(*closing, *(entry.opening for entry in entries), return_exceptions=True)
        opened = [entry.opening.result() for entry in entries if not _failed(entry.opening)]
        await asyncio.gather(*(link.close() for link in opened), return_exceptions=True)
        bastions, self._bastions = list(self._bastions.values()), {}
        for bastion in bastions:
            await _end_bastion(bastion)


def _failed(task: asyncio.Task[Link] | asyncio.Task[asyncssh.SSHClientConnection]) -> bool:
    return task.cancelled() or task.exception() is not None


def _ways(spec: HostSpec) -> list[HostSpec]:
    """The bastions on the way to a host."""
    return [spec.bastion, *_ways(spec.bastion)] if spec.bastion else []


async def _end_bastion(opening: asyncio.Task[asyncssh.SSHClientConnection]) -> None:
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)
    if not _failed(opening):
        opening.result().abort()
