"""The two kinds of wire a shell hangs on: a session of an SSH connection, a subprocess of ours."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import cast

import asyncssh

from interlock.remote.refusals import HostFailed, LinkLost
from interlock.remote.shells import Shell

# What a process on the platform's own machine may know; never our settings, which hold keys.
LOCAL_ENVIRONMENT = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER")


GONE_SECONDS = 3.0


class _Session(asyncssh.SSHClientSession[bytes]):
    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self._channel = chan
        self._shell.attached(self)

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        if datatype == asyncssh.EXTENDED_DATA_STDERR:
            self._shell.feed_err(data)
        else:
            self._shell.feed_out(data)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._shell.feed_end(str(exc) if exc else "")

    def write(self, data: bytes) -> None:
        try:
            if self._channel is not None and not self._channel.is_closing():
                self._channel.write(data)
        except OSError as error:
            self._shell.feed_end(str(error))

    def pause(self) -> None:
        if self._channel is not None:
            self._channel.pause_reading()

    def resume(self) -> None:
        if self._channel is not None:
            self._channel.resume_reading()

    def close(self) -> None:
        if self._channel is not None:
            self._channel.close()

    @property
    def is_gone(self) -> bool:
        """The channel goes with the connection at the latest: nothing to wait for."""
        return True

    async def gone(self) -> None:
        return None


async def start_session(connection: asyncssh.SSHClientConnection, words: str) -> Shell:
    shell = Shell()
    try:
        await connection.create_session(lambda: _Session(shell), f"exec {words}", encoding=None)
    except asyncssh.ChannelOpenError as error:
        raise HostFailed("no_session", str(error)) from error
    except (asyncssh.Error, OSError) as error:
        raise LinkLost("connection_lost", str(error)) from error
    return shell


class _Child(asyncio.SubprocessProtocol):
    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._transport: asyncio.SubprocessTransport | None = None
        self._gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.SubprocessTransport, transport)
        self._shell.attached(self)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 2:
            self._shell.feed_err(data)
        else:
            self._shell.feed_out(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 1:
            self._shell.feed_end(str(exc) if exc else "")

    def process_exited(self) -> None:
        # What a child of the shell still holds open would otherwise keep the transport.
        if self._transport is not None:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._shell.feed_end(str(exc) if exc else "")
        self._gone.set()

    def _pipe(self, fd: int) -> asyncio.BaseTransport | None:
        return self._transport.get_pipe_transport(fd) if self._transport is not None else None

    def write(self, data: bytes) -> None:
        pipe = self._pipe(0)
        if pipe is not None and not pipe.is_closing():
            cast(asyncio.WriteTransport, pipe).write(data)

    def pause(self) -> None:
        if (pipe := self._pipe(1)) is not None:
            cast(asyncio.ReadTransport, pipe).pause_reading()

    def resume(self) -> None:
        if (pipe := self._pipe(1)) is not None:
            cast(asyncio.ReadTransport, pipe).resume_reading()

    def close(self) -> None:
        # End of file on its stdin is how a resident shell is told to go.
        if (pipe := self._pipe(0)) is not None:
            pipe.close()

    @property
    def is_gone(self) -> bool:
        return self._gone.is_set()

    async def gone(self) -> None:
        try:
            async with asyncio.timeout(GONE_SECONDS):
                await self._gone.wait()
        except TimeoutError:
            # It hangs in something asked of it; what must outlive it has a session of its own.
            if self._transport is not None:
                with suppress(ProcessLookupError):
                    self._transport.kill()
                await self._gone.wait()


async def start_child(words: str) -> Shell:
    shell = Shell()
    environment = {name: os.environ[name] for name in LOCAL_ENVIRONMENT if name in os.environ}
    try:
        await asyncio.get_running_loop().subprocess_exec(
            lambda: _Child(shell), *words.split(), env=environment, start_new_session=True
        )
    except OSError as error:
        raise HostFailed("no_session", str(error)) from error
    return shell
