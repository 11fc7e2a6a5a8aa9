"""That a run has changed: from the live stream, or by asking again where there is none."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from interlock_cli.client import Client, Json
from interlock_cli.errors import Problem, Unreachable
from interlock_cli.screen import Screen

ENDED = frozenset({"succeeded", "failed", "rejected", "canceled"})
SILENCE = 45.0  # seconds; an open line says something every 15
AGAIN = 1.0  # seconds before a new stream
ASK_AGAIN = 2.0  # seconds between two looks, where a proxy lets no stream through
PATIENCE = 600.0  # seconds that a server may be away while its run goes on


@dataclass
class Event:
    name: str = "message"
    id: str = ""
    data: str = ""


def read_events(lines: Iterator[str]) -> Iterator[Event]:
    """Server-sent events out of their lines."""
    event = Event()
    for line in lines:
        if not line:
            if event.data:
                yield event
            event = Event()
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            event.name = value
        elif name == "id":
            event.id = value
        elif name == "data":
            event.data += value


@dataclass
class News:
    """One run, watched. ``read`` is the run as it is now, ``wait`` ends when it has become another."""

    client: Client
    screen: Screen
    run_id: int
    streams: bool = True
    _line: ExitStack = field(default_factory=ExitStack)
    _events: Iterator[Event] | None = None

    def changes(self) -> Iterator[Json]:
        """The run now and after each change, until it has ended."""
        with self._line:
            while True:
                run = self.read()
                yield run
                if run["status"] in ENDED:
                    return
                self.wait(run["version"])

    def read(self) -> Json:
        """Patiently: the run goes on while its server is started anew."""
        until = time.monotonic() + PATIENCE
        told = False
        while True:
            try:
                run: Json = self.client.get(f"/runs/{self.run_id}")
                return run
            except (Unreachable, Problem) as trouble:
                away = isinstance(trouble, Unreachable) or trouble.status >= 500
                if not away or time.monotonic() > until:
                    raise
                if not told:
                    self.screen.note(f"{trouble.detail} The run goes on; asking again.")
                    told = True
            time.sleep(ASK_AGAIN)

    def wait(self, seen: int) -> None:
        if not self.streams:
            time.sleep(ASK_AGAIN)
            return
        try:
            for event in self._stream(seen):
                if event.name == "end" or _version(event) != seen:
                    return
        except httpx.HTTPError:
            pass  # the line broke: the next look begins a new one, behind what was seen
        self._hang_up()
        time.sleep(AGAIN)  # however often it breaks, nobody is flooded

    def _stream(self, seen: int) -> Iterator[Event]:
        if self._events is None:
            headers = {"Accept": "text/event-stream", "Last-Event-ID": str(seen)}
            answer = self._line.enter_context(
                self.client.stream(f"/runs/{self.run_id}/events", headers, SILENCE)
            )
            if answer.status_code == 204:
                return iter(())
            if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                self.streams = False
                return iter(())
            self._events = read_events(answer.iter_lines())
        return self._events

    def _hang_up(self) -> None:
        self._events = None
        with suppress(httpx.HTTPError):
            self._line.close()


def _version(event: Event) -> Any:
    try:
        return json.loads(event.data).get("version") if event.name == "run" else None
    except ValueError:
        return None
