"""A server that listens, and a person at a command line in front of it."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from click.testing import CliRunner, Result

from interlock.api.live import LIVE
from interlock.asgi import application
from interlock_cli.main import interlock
from tests.api.conftest import Shop, shop
from tests.api.streams import close_connections_of_the_threads

__all__ = ["shop"]
SECONDS = 20  # until a test gives up


class Line:
    """Between the client and the application, as a proxy is: it can lose answers and break streams."""

    def __init__(self) -> None:
        self.mend()

    def mend(self) -> None:
        self.lost: list[str] = []  # paths whose next answer gets lost, after its work was done
        self.streams = True
        self.cuts = False  # each stream, as soon as it has begun
        self.opened: list[str] = []  # what each stream began with: its Last-Event-ID

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        if path in self.lost:
            self.lost.remove(path)
            await application(scope, receive, _nowhere)
            await _say(send, 504, b"<html>gateway timeout</html>")
        elif path.endswith("/events"):
            await self._stream(scope, receive, send)
        else:
            await application(scope, receive, send)

    async def _stream(self, scope: Any, receive: Any, send: Any) -> None:
        self.opened.append(dict(scope["headers"]).get(b"last-event-id", b"").decode())
        if not self.streams:
            await _say(send, 200, b"<html>no streams here</html>")
            return
        if not self.cuts:
            await application(scope, receive, send)
            return
        cut = asyncio.Event()
        request = await receive()

        async def until_cut() -> Any:
            nonlocal request
            if request:
                taken, request = request, None
                return taken
            await cut.wait()
            return {"type": "http.disconnect"}

        async def head_only(message: Any) -> None:
            if message["type"] == "http.response.start":
                await send(message)
            else:
                cut.set()

        await application(scope, until_cut, head_only)


async def _nowhere(message: Any) -> None:
    return None


async def _say(send: Any, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"text/html")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@dataclass
class Listening:
    address: str
    line: Line


@pytest.fixture(scope="package")
def listening() -> Iterator[Listening]:
    line = Line()
    config = uvicorn.Config(line, host="127.0.0.1", port=0, lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    LIVE.open()
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Listening(f"http://127.0.0.1:{port}", line)
    server.should_exit = True
    thread.join(SECONDS)
    close_connections_of_the_threads()


def wait_until(fits: Callable[[], Any]) -> None:
    until = time.monotonic() + SECONDS
    while not fits():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.02)


@dataclass
class Terminal:
    """The ``interlock`` command of one person."""

    address: str
    folder: Path
    token: str
    line: Line
    language: str = "C"
    more: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        given = {"INTERLOCK_URL": self.address, "INTERLOCK_TOKEN": self.token} if self.token else {}
        return {"XDG_CONFIG_HOME": str(self.folder), "LC_ALL": self.language, **given, **self.more}

    def run(self, *words: str, expect: int = 0, input: str | None = None) -> Result:
        empty = {"INTERLOCK_URL": None, "INTERLOCK_TOKEN": None, "NO_COLOR": None}
        result = CliRunner().invoke(interlock, words, input=input, env={**empty, **self.environment})
        told = f"{' '.join(words)}: {result.exit_code}\n{result.stdout}\n{result.stderr}"
        assert result.exit_code == expect, f"{told}\n{result.exception!r}"
        assert not self.token or self.token not in told
        return result

    def json(self, *words: str, expect: int = 0) -> Any:
        return json.loads(self.run(*words, "--json", expect=expect).stdout)

    def refused(self, *words: str, expect: int) -> Any:
        """The problem document on standard error."""
        result = self.run(*words, "--json", expect=expect)
        assert result.stdout == ""
        return json.loads(result.stderr)

    def as_other(self, token: str) -> Terminal:
        return Terminal(self.address, self.folder, token, self.line)

    def plan(self, *words: str) -> str:
        return str(self.json("plan", *words)["plan_hash"])


@pytest.fixture
def ann(shop: Shop, listening: Listening, tmp_path: Path) -> Iterator[Terminal]:
    """Ann operates; Bob approves (``shop.bob.token``)."""
    yield Terminal(listening.address, tmp_path, shop.ann.token, listening.line)
    listening.line.mend()
    # The reader of the streams ends at its next tick, and lets its connection go.
    wait_until(lambda: not LIVE.watching and (LIVE._reader is None or LIVE._reader.done()))


@pytest.fixture
def installed(shop: Shop, ann: Terminal) -> Terminal:
    shop.install("v1")
    return ann


def rows(result: Result) -> Sequence[Sequence[str]]:
    """The cells of a table without its heads."""
    return [line.split() for line in result.stdout.splitlines()[1:]]
