"""runs logs, builds logs: what was said on the hosts, and on the platform's side."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import click
from rich.text import Text

from interlock_cli import completing, names
from interlock_cli.client import PAUSES, Client, Json
from interlock_cli.command import Desk, Verb, pass_desk
from interlock_cli.commands.runs import run_argument
from interlock_cli.errors import Unknown, Usage
from interlock_cli.following import asks_somebody, code_of, next_steps
from interlock_cli.news import ENDED
from interlock_cli.reading import WORDS
from interlock_cli.screen import QUIET, clean, sentence

PIECE = 1024 * 1024  # bytes asked for at a time
TICK = 1.0  # seconds between two looks at what is followed
MANY = 50  # hosts whose logs nobody reads side by side
# A terminal would obey these; colours are let through.
OBEYED = re.compile(r"\x1b(?!\[[0-9;]*m)|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]")


@dataclass
class Body:
    """One log: of a step on a host, or of a step on the platform's side."""

    name: str
    host: str
    step: str
    over: bool
    offset: int = 0
    ended: bool = False
    rest: bytes = b""


@dataclass
class Reader:
    """The logs of one run that were asked for."""

    client: Client
    run_id: int
    hosts: list[str]
    steps: list[str]
    failed: bool
    bodies: dict[str, Body] = field(default_factory=dict)

    def look(self) -> Json:
        """Take in the bodies that there are now; the run as it is."""
        run: Json = self.client.get(f"/runs/{self.run_id}")
        for step in run["steps"]:
            broken = step["status"] in ("failed", "timed_out", "unknown")
            if step["body"] and not self.hosts and (broken or not self.failed):
                self._take(step["body"], "", step["name"], step["ended_at"] is not None)
        if any(step["hosts"] for step in run["steps"]):
            self._look_at_hosts(run)
        return run

    def _look_at_hosts(self, run: Json) -> None:
        count = sum(step["hosts"] for step in run["steps"])
        if count > MANY and not self.hosts and not self.failed:
            raise Usage(
                f"Run {self.run_id} has {count} hosts.",
                ["--failed: those that broke", "--host NAME: this one"],
            )
        lanes = self.client.pages(f"/runs/{self.run_id}/lanes")["items"]
        known = {lane["host"] for lane in lanes}
        lacking = [host for host in self.hosts if host not in known]
        if lacking:
            hints = [f"{host}: {hint}" for host in lacking for hint in names.meant(host, known)]
            raise Unknown(f"These hosts are not part of run {self.run_id}: {', '.join(lacking)}.", hints)
        for lane in lanes:
            if self.hosts and lane["host"] not in self.hosts:
                continue
            if self.failed and lane["status"] not in ("failed", "unknown"):
                continue
            for target in lane["targets"]:
                for former in target["history"]:
                    if former.get("body"):
                        self._take(former["body"], lane["host"], target["step"], True)
                self._take(target["body"], lane["host"], target["step"], target["ended_at"] is not None)

    def _take(self, body: str, host: str, step: str, over: bool) -> None:
        if self.steps and step not in self.steps:
            return
        self.bodies.setdefault(body, Body(body, host, step, over)).over = over

    def pieces(self) -> Iterator[tuple[Body, bytes]]:
        """What is new in each, until each has been read as far as it goes."""
        for body in self.bodies.values():
            while not body.ended:
                data = self._read(body)
                if not data:
                    break
                yield body, data

    def _read(self, body: Body) -> bytes:
        answer = self.client.request(
            "GET",
            f"/runs/{self.run_id}/logs/{body.name}",
            params={"offset": body.offset, "limit": PIECE},
            pauses=PAUSES[:1],
        )
        if answer.status_code == 404:  # it has said nothing yet, and perhaps never will
            body.ended = body.over
            return b""
        if answer.is_error:
            raise self.client.trouble(answer)
        headers, data = answer.headers, answer.content
        cut = headers["X-Log-Cut"] == "true"
        body.offset = int(headers["X-Log-Start"]) + len(data)
        if cut and body.offset >= int(headers["X-Log-End"]):
            data += b"\n(the rest of this log was cut off)\n"
        body.ended = headers["X-Log-Ended"] == "true" and body.offset >= int(headers["X-Log-End"])
        return data


class Printer:
    """Lines as they are; of several logs each line with where it comes from."""

    def __init__(self, desk: Desk, single: bool) -> None:
        self._screen = desk.screen
        self._terminal = sys.stdout.isatty()
        self._single = single

    def take(self, body: Body, data: bytes) -> None:
        if self._single and not self._terminal:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
            return
        *lines, body.rest = (body.rest + data).split(b"\n")
        for line in lines:
            self._line(body, line)

    def end(self, body: Body) -> None:
        if body.rest:
            self._line(body, body.rest)
            body.rest = b""

    def _line(self, body: Body, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip("\r")
        head = Text()
        if not self._single:
            place = " ".join(clean(part) for part in (body.host, body.step) if part)
            head = Text.assemble((f"{place} │ " if self._terminal else f"{place} | ", QUIET))
        if self._terminal:
            self._screen.out.print(Text.assemble(head, Text.from_ansi(OBEYED.sub("", text))), soft_wrap=True)
        else:
            sys.stdout.write(f"{head.plain}{text}\n")
            sys.stdout.flush()


def _print(desk: Desk, reader: Reader, follow: bool) -> None:
    run = reader.look()
    single = (
        bool(reader.hosts and reader.steps) or sum(s["hosts"] for s in run["steps"]) + len(reader.bodies) == 1
    )
    printer = Printer(desk, single)
    while True:
        _print_new(reader, printer)
        if not follow or run["status"] in ENDED or asks_somebody(run):
            break
        time.sleep(TICK)
        run = reader.look()
    for body in reader.bodies.values():
        printer.end(body)
    if not any(body.offset for body in reader.bodies.values()):
        yet = "" if run["status"] in ENDED else " yet"
        desk.screen.note(f"Nothing has failed{yet}." if reader.failed else f"Nothing was said{yet}.")
    if follow:
        why = f": {sentence(run['why']['text'])}" if run["status"] not in ENDED else ""
        desk.screen.note(f"run {run['id']} {run['status']}{why}")
        for hint in next_steps(run):
            desk.screen.note(f"  → {hint}")
        desk.end(code_of(run))


def _print_new(reader: Reader, printer: Printer) -> None:
    for body, data in reader.pieces():
        printer.take(body, data)
        if body.ended:
            printer.end(body)


def _documents(reader: Reader) -> list[Json]:
    """The logs as texts, for ``--json``."""
    reader.look()
    texts: dict[str, bytes] = {}
    for body, data in reader.pieces():
        texts[body.name] = texts.get(body.name, b"") + data
    return [
        {"body": body.name, "host": body.host, "step": body.step, "ended": body.ended,
         "text": texts.get(body.name, b"").decode(errors="replace")}
        for body in reader.bodies.values()
    ]  # fmt: skip


def _logs(desk: Desk, run_id: int, given: Json) -> None:
    hosts = [name for some in given.get("hosts", ()) for name in some]
    reader = Reader(desk.client, run_id, hosts, list(given.get("steps", ())), bool(given.get("failed")))
    if desk.as_json:
        if given["follow"]:
            raise Usage("-f prints as it comes, and a document is whole: take one of -f and --json.")
        return desk.screen.document({"items": _documents(reader)})
    return _print(desk, reader, given["follow"])


follow_option = click.option(
    "--follow", "-f", is_flag=True, help="Go on until the run has ended, or waits for a person."
)


@click.command("logs", cls=Verb)
@run_argument
@click.option("--host", "hosts", type=WORDS, multiple=True, metavar="A,B", shell_complete=completing.hosts)
@click.option("--step", "steps", multiple=True, metavar="NAME", help="Such as start or health.")
@click.option("--failed", is_flag=True, help="Only of hosts and steps that broke.")
@follow_option
@pass_desk
def run_logs(desk: Desk, run: int, **given: Any) -> None:
    """What the steps of a run said."""
    _logs(desk, run, given)


@click.command("logs", cls=Verb)
@click.argument("build", type=click.IntRange(1))
@follow_option
@pass_desk
def build_logs(desk: Desk, build: int, follow: bool) -> None:
    """What a build said."""
    row = desk.client.get(f"/builds/{build}")
    if row["run_id"] is None:
        raise Unknown(f"Build {build} has no run here: it was made by {row['source']}.")
    _logs(desk, row["run_id"], {"follow": follow})


def add_to(runs: click.Group, builds: click.Group) -> None:
    runs.add_command(run_logs)
    builds.add_command(build_logs)
