"""What is shown: tables for people, plain lines for pipes, the API's own documents for programs."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import IO, Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from interlock_cli.errors import Trouble

# A pipe has no width, and nothing on its way into one is cut or folded.
ENDLESS = 100_000
# As the API writes times into its sentences.
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
GOOD, BAD, BUSY, ASKS, QUIET = "green", "red", "cyan", "yellow", "dim"
# Of whatever has a status. Never told by colour alone: the word is always there.
STYLES = {
    **dict.fromkeys(("succeeded", "success", "approved"), GOOD),
    **dict.fromkeys(
        ("failed", "timed_out", "timeout", "unknown", "rejected", "install_failed", "upgrade_failed",
         "revert_failed", "delete_failed", "unproven"),
        BAD,
    ),
    **dict.fromkeys(
        ("running", "building", "installing", "upgrading", "reverting", "deleting", "stopping", "ready"), BUSY
    ),
    **dict.fromkeys(("waiting", "open", "paused"), ASKS),
    **dict.fromkeys(("pending", "canceled", "skipped", "absent", "duplicate", "expired"), QUIET),
}  # fmt: skip
MARKS = {GOOD: "✓", BAD: "✗", BUSY: "●", ASKS: "◆", QUIET: "·"}


def clean(value: Any) -> str:
    """A value as text. What is not printed but obeyed by a terminal is taken out."""
    return CONTROL.sub("", "" if value is None else str(value)).replace("\n", " ")


def sentence(text: str) -> str:
    """One of the server's, as it is, but with its times in this machine's zone."""
    return clean(TIME.sub(lambda found: when(found.group()), text))


def when(value: str | None) -> str:
    """A time of the API, in this machine's zone."""
    return moment(value).astimezone().strftime("%Y-%m-%d %H:%M:%S") if value else ""


def moment(value: str) -> datetime:
    return datetime.fromisoformat(value)


def ago(value: str | None) -> str:
    """How long it is since then, in one unit."""
    if not value:
        return ""
    seconds = (datetime.now(UTC) - moment(value)).total_seconds()
    return "just now" if seconds < 5 else f"{span(seconds)} ago"


def span(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(max(seconds, 0))} s"


def size_of(count: int | None) -> str:
    if count is None:
        return ""
    number = float(count)
    for unit in ("B", "KB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"


class Screen:
    """Standard output for what was asked for, standard error for everything said about it."""

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self.out = _console(sys.stdout)
        self.err = _console(sys.stderr)

    @property
    def interactive(self) -> bool:
        """Whether somebody is there to be asked."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    @property
    def live(self) -> bool:
        return self.out.is_terminal and not self.as_json and os.environ.get("TERM") != "dumb"

    def document(self, facts: Any) -> None:
        text = json.dumps(facts, ensure_ascii=False, indent=2)
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def say(self, text: RenderableType = "") -> None:
        if self.out.is_terminal:
            self.out.print(text)
            return
        with self.out.capture() as captured:
            self.out.print(text, soft_wrap=True)
        # Without the blanks that fill the columns of a table up to their ends.
        self.out.file.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()) or "\n")

    def note(self, text: str, style: str = QUIET) -> None:
        """About the answer, not the answer."""
        self.err.print(Text(clean(text), style), soft_wrap=not self.err.is_terminal)

    def warn(self, text: str) -> None:
        self.err.print(Text.assemble(("! ", "bold yellow"), (sentence(text), "yellow")))

    def trouble(self, trouble: Trouble) -> None:
        if self.as_json:
            sys.stderr.write(json.dumps(trouble.document(), ensure_ascii=False) + "\n")
            return
        self.err.print(Text.assemble(("✗ ", "bold red"), sentence(trouble.detail)))
        for fault in getattr(trouble, "errors", ()):
            where = ".".join(part for part in fault.get("loc", []) if part not in ("body", "query"))
            self.err.print(Text(f"  {clean(where)}: {clean(fault.get('msg'))}"))
        for hint in trouble.hints:
            self.err.print(Text(f"  → {clean(hint)}", QUIET))

    def facts(self, rows: Iterable[tuple[str, Any]]) -> None:
        """Names and values below each other; what has no value is left out."""
        table = Table.grid(padding=(0, 2))
        table.add_column(style=QUIET, no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in rows:
            if value not in (None, "", [], {}):
                table.add_row(name, value if isinstance(value, Text) else clean(value))
        self.say(table)

    def table(
        self, heads: Sequence[str], rows: Iterable[Sequence[Any]], empty: str = "Nothing here."
    ) -> None:
        """Text from left, numbers (heads with a blank in front) from right."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for head in heads:
            right = head.startswith(" ")
            table.add_column(head.strip(), justify="right" if right else "left", overflow="fold")
        for row in rows:
            table.add_row(*(cell if isinstance(cell, Text) else clean(cell) for cell in row))
        if table.row_count:
            self.say(table)
        else:
            self.note(empty)

    def more(self, page: dict[str, Any]) -> None:
        if page["next"] is not None and not self.as_json:
            self.note(f"the first {len(page['items'])}; --limit N shows more, --limit 0 all")


def status(word: str, more: str = "") -> Text:
    style = STYLES.get(word, "")
    mark = f"{MARKS[style]} " if style and sys.stdout.isatty() else ""
    return Text.assemble((f"{mark}{word}", style), (f" {more}" if more else "", QUIET))


def _console(stream: IO[str]) -> Console:
    terminal = stream.isatty()
    if hasattr(stream, "reconfigure"):
        # A terminal that cannot show a character shows a question mark, and the command goes on.
        stream.reconfigure(errors="replace")
    return Console(
        file=stream,
        width=None if terminal else ENDLESS,
        force_terminal=terminal,
        markup=False,
        highlight=False,
        emoji=False,
        no_color=True if not terminal or os.environ.get("NO_COLOR") else None,
    )
