"""``--wait``: a run followed to its end, or to the point where it asks for a person."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from interlock_cli import errors
from interlock_cli.client import Json
from interlock_cli.command import Desk
from interlock_cli.news import ENDED, News
from interlock_cli.screen import ASKS, BAD, BUSY, GOOD, QUIET, clean, moment, sentence, span, status

# What a waiting run says that only a person can answer; the others end by time.
ASKING = frozenset(
    {"why_approval", "why_confirm", "why_held", "why_step_broken", "why_manual", "why_plan_changed",
     "why_locks_refused", "why_paused"}
)  # fmt: skip
NAMED = 20  # broken hosts that are shown with what they died of


def asks_somebody(run: Json) -> bool:
    return run["why"]["code"] in ASKING


def follow(
    desk: Desk, run_id: int, patient: bool = False, wanted: Iterable[str] = ("succeeded",), shown: bool = True
) -> None:
    """Watch until the end; ends the command with what became of the run."""
    try:
        run = _watched(desk, run_id, patient, shown and not desk.as_json)
    except KeyboardInterrupt:
        desk.screen.note("")  # behind the ^C
        desk.screen.note(f"Run {run_id} goes on.", "bold")
        for hint in (f"interlock runs wait {run_id}", f"interlock runs stop {run_id}"):
            desk.screen.note(f"  → {hint}")
        desk.end(errors.INTERRUPTED)
        return
    if desk.as_json:
        desk.screen.document(run)
    desk.end(code_of(run, wanted))


def code_of(run: Json, wanted: Iterable[str] = ("succeeded",)) -> int:
    if run["status"] not in ENDED:
        return errors.WAITING_FOR_PEOPLE
    return errors.DONE if run["status"] in wanted else errors.ENDED_BADLY


def _watched(desk: Desk, run_id: int, patient: bool, shown: bool) -> Json:
    news = News(desk.client, desk.screen, run_id)
    show = (_LiveShow(desk) if desk.screen.live else _PlainShow(desk)) if shown else _Show(desk)
    with show:
        for run in news.changes():
            show.take(run)
            if asks_somebody(run) and not patient:
                break
    show.last(run)
    return run


@dataclass
class _Show:
    """What has been told already. Broken hosts are told by name, once each."""

    desk: Desk
    broken: set[tuple[str, str]] = field(default_factory=set)
    _told: int = 0

    def __enter__(self) -> _Show:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def take(self, run: Json) -> None:
        return None

    def last(self, run: Json) -> None:
        return None

    def _tell_broken(self, run: Json) -> None:
        counted = sum(step["tally"].get(end, 0) for step in run["steps"] for end in ("failed", "unknown"))
        if counted <= self._told or len(self.broken) >= NAMED:
            return
        self._told = counted
        for end in ("failed", "unknown"):
            for lane in self.desk.client.pages(f"/runs/{run['id']}/lanes", NAMED, status=end)["items"]:
                if (lane["key"], lane["host"]) not in self.broken:
                    self.broken.add((lane["key"], lane["host"]))
                    self.desk.screen.say(
                        Text.assemble(status(end), " ", clean(lane["host"]), " ", broken_at(lane))
                    )


def broken_at(lane: Json) -> Text:
    """At which step a host broke, and of what."""
    at = next(
        (target for target in lane["targets"] if target["status"] in ("failed", "timed_out", "unknown")), None
    )
    error = lane["error"] or (at or {}).get("error", "")
    if at and error == "exit_code":
        error = f"exit code {at['exit_code']}"
    words = [f"at “{at['step']}”" if at else "", error]
    return Text(clean(" ".join(word for word in words if word)), QUIET)


class _PlainShow(_Show):
    """A line whenever something is another than before."""

    _line = ""

    def take(self, run: Json) -> None:
        self._tell_broken(run)
        line = " · ".join(part for part in (run["status"], _where(run), _why(run)) if part)
        if line != self._line and run["status"] not in ENDED:
            self._line = line
            self.desk.screen.say(Text(f"{time.strftime('%H:%M:%S')} run {run['id']} {sentence(line)}"))

    def last(self, run: Json) -> None:
        tell_end(self.desk, run)


class _LiveShow(_Show):
    """A few lines that change in their place."""

    def __enter__(self) -> _Show:
        self._run: Json | None = None
        self._live = Live(
            console=self.desk.screen.out, get_renderable=self._picture, refresh_per_second=5, transient=True
        )
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def take(self, run: Json) -> None:
        self._tell_broken(run)
        self._run = run

    def last(self, run: Json) -> None:
        tell_end(self.desk, run)

    def _picture(self) -> Any:
        run = self._run
        if run is None:
            return Text("")
        lines: list[Any] = [
            Text.assemble(
                status(run["status"]),
                "  ",
                (clean(run["title"]), "bold"),
                (f"  run {run['id']} · {_lasted(run)}", QUIET),
            )
        ]
        for step in _current(run):
            lines.append(_bar(step))
        why = _why(run)
        if why:
            lines.append(Text(f"  {sentence(why)}", ASKS if run["status"] == "waiting" else QUIET))
        return Group(*lines)


def _current(run: Json) -> list[Json]:
    return [step for step in run["steps"] if step["hosts"] and step["status"] not in ("pending", "skipped")]


def _counts(step: Json) -> tuple[int, int, int]:
    """Hosts that are through, broken, at work."""
    tally = step["tally"]
    through = sum(tally.get(end, 0) for end in ("succeeded", "skipped", "canceled"))
    broken = tally.get("failed", 0) + tally.get("unknown", 0)
    return through, broken, tally.get("running", 0) + tally.get("waiting", 0)


def _bar(step: Json) -> Table:
    through, broken, busy = _counts(step)
    style = BAD if broken else GOOD
    bar = ProgressBar(
        total=step["hosts"], completed=through + broken, width=24, complete_style=style, finished_style=style
    )
    words = Text.assemble(f"{through} of {step['hosts']} hosts")
    if broken:
        words.append(f" · {broken} failed", BAD)
    if busy:
        words.append(f" · {busy} at work", BUSY)
    grid = Table.grid(padding=(0, 1))
    grid.add_row(Text(f"  batch {step['batch'] + 1}", QUIET), bar, words)
    return grid


def _where(run: Json) -> str:
    parts = []
    for step in _current(run):
        through, broken, busy = _counts(step)
        failed = f", {broken} failed" if broken else ""
        parts.append(
            f"batch {step['batch'] + 1}: {through} of {step['hosts']} hosts done{failed}, {busy} at work"
        )
    return "; ".join(parts)


def _why(run: Json) -> str:
    """Also what is obvious is a sentence of the server; it is left out here."""
    obvious = run["why"]["code"] == "why_running" or run["status"] in ENDED
    return "" if obvious else str(run["why"]["text"])


def _lasted(run: Json) -> str:
    began = run["started_at"] or run["created_at"]
    end = moment(run["ended_at"]).timestamp() if run["ended_at"] else time.time()
    return span(end - moment(began).timestamp())


def tell_end(desk: Desk, run: Json) -> None:
    """The last word, and what to do next."""
    run_id = run["id"]
    title = Text.assemble(
        status(run["status"]),
        "  ",
        (clean(run["title"]), "bold"),
        (f"  run {run_id} · {_lasted(run)}", QUIET),
    )
    desk.screen.say(title)
    for step in _current(run):
        through, broken, _ = _counts(step)
        failed = f", {broken} failed" if broken else ""
        desk.screen.say(Text(f"  {through} of {step['hosts']} hosts done{failed}", QUIET))
    if run["status"] not in ENDED:
        desk.screen.say(Text(f"  {sentence(run['why']['text'])}", ASKS))
    for hint in next_steps(run):
        desk.screen.note(f"  → {hint}")


def next_steps(run: Json) -> list[str]:
    """Commands for what the run allows now."""
    run_id, code = run["id"], run["why"]["code"]
    if code == "why_approval":
        return [f"interlock approve {run_id}", f"interlock reject {run_id}"]
    if code in ("why_confirm", "why_manual"):
        return [f"interlock runs go-on {run_id}", f"interlock runs stop {run_id}"]
    if code == "why_held":
        verbs = ("logs {} --failed", "retry {}", "exclude {} --host NAME", "give-up {}")
        return [f"interlock runs {verb.format(run_id)}" for verb in verbs]
    if code == "why_step_broken":
        return [f"interlock runs {verb} {run_id}" for verb in ("logs", "retry", "skip", "give-up")]
    if code in ("why_paused", "why_pausing"):
        return [f"interlock runs resume {run_id}", f"interlock runs stop {run_id}"]
    if code in ("why_plan_changed", "why_locks_refused"):
        return [f"interlock runs start {run_id}", f"interlock runs stop {run_id}"]
    if run["status"] == "failed":
        return [f"interlock runs logs {run_id} --failed"]
    return []
