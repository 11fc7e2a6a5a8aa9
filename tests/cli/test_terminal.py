"""A real process on a real terminal: what is not shown, what moves in its place, what Ctrl-C does."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl

import pytest

from tests.api.conftest import Shop
from tests.architecture.source import REPOSITORY
from tests.cast import PASSWORD
from tests.cli.conftest import SECONDS, Terminal

pytestmark = [pytest.mark.slow, pytest.mark.django_db(databases="__all__", transaction=True)]


class Window:
    """80 columns with the command in it."""

    def __init__(self, process: subprocess.Popen[bytes], line: int) -> None:
        self.process, self._line = process, line
        self.shown = ""

    def until(self, pattern: str) -> None:
        limit = time.monotonic() + SECONDS
        while not re.search(pattern, self.shown):
            assert time.monotonic() < limit, f"{pattern!r} is not in:\n{self.shown}"
            assert self._take(0.5) is not None, f"{pattern!r} never came:\n{self.shown}"

    def _take(self, seconds: float) -> str | None:
        if not select.select([self._line], [], [], seconds)[0]:
            return ""
        try:
            text = os.read(self._line, 65536).decode(errors="replace")
        except OSError:  # the other side is closed
            return None
        self.shown += text
        return text or None

    def type(self, text: str) -> None:
        os.write(self._line, text.encode())

    def end(self) -> int:
        limit = time.monotonic() + SECONDS
        while self._take(0.5) is not None:
            assert time.monotonic() < limit, f"it does not end:\n{self.shown}"
        return self.process.wait(SECONDS)


def _at_the_terminal() -> None:
    ioctl(0, termios.TIOCSCTTY, 0)
    # Tests that a shell has put into the background were told to overlook Control-C, and would hand it down.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def window(terminal: Terminal, *words: str) -> Iterator[Window]:
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {**os.environ, **terminal.environment, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8",
                   "PYTHONPATH": str(REPOSITORY / "cli")}  # fmt: skip
    for name in (
        "COLUMNS",
        "LINES",
        "NO_COLOR",
        *(() if terminal.token else ("INTERLOCK_URL", "INTERLOCK_TOKEN")),
    ):
        environment.pop(name, None)
    environment |= terminal.more
    command = [sys.executable, "-m", "interlock_cli", *words]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True,
        preexec_fn=_at_the_terminal,
    )  # fmt: skip
    os.close(theirs)
    try:
        yield Window(process, ours)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
        os.close(ours)


def test_a_password_is_asked_for_and_not_shown(shop: Shop, ann: Terminal) -> None:
    ann.token = ""
    with window(ann, "login", ann.address, "--name", "qa") as opened:
        opened.until("Token")
        opened.type("\n")
        opened.until("User name")
        opened.type("ann\n")
        opened.until("Password")
        opened.type(f"{PASSWORD}\n")
        assert opened.end() == 0
        assert "signed in" in opened.shown
    kept = (ann.folder / "interlock" / "servers.json").read_text()
    token = re.search(r"ilk_[^\"]+", kept)
    assert token is not None
    for secret in (PASSWORD, token.group()):
        assert secret not in opened.shown
    assert ann.json("whoami")["username"] == "ann"
    made = shop.ann.get("/tokens")["items"][-1]
    assert made["name"].startswith("cli ")
    assert "withdrawn" in ann.run("logout").stdout
    assert shop.ann.get("/tokens")["items"][-1]["revoked_at"]


def test_a_token_is_not_shown(shop: Shop, ann: Terminal) -> None:
    token, ann.token = ann.token, ""
    with window(ann, "login", ann.address) as opened:
        opened.until("Token")
        opened.type(f"{token}\n")
        assert opened.end() == 0
    assert token not in opened.shown


def test_a_question_before_the_start(shop: Shop, installed: Terminal) -> None:
    with window(installed, "upgrade", "checkout", "v2", "--all") as opened:
        opened.until(r"Upgrade checkout to v2 on 3 hosts \(3 in qa\)\? \[y/N\]")
        opened.type("n\n")
        assert opened.end() == 130
    assert shop.ann.get("/releases")["items"] == []
    with window(installed, "upgrade", "checkout", "v2", "--all") as opened:
        opened.until("y/N")
        opened.type("y\n")
        assert opened.end() == 0
    assert len(shop.ann.get("/releases")["items"]) == 1


def test_progress_moves_in_its_place_until_the_end(shop: Shop, ann: Terminal) -> None:
    run = shop.waiting_run()["id"]
    with window(ann, "runs", "wait", str(run), "--patient") as opened:
        opened.until("Waits for approval: 0 of 1 given")
        ann.as_other(shop.bob.token).run("approve", str(run), "--yes")
        assert opened.end() == 0
    assert "\x1b[" in opened.shown
    assert "✓ succeeded" in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", opened.shown)


def test_control_c_leaves_the_run_going(shop: Shop, ann: Terminal) -> None:
    run = shop.waiting_run()["id"]
    with window(ann, "runs", "wait", str(run), "--patient") as opened:
        opened.until("Waits for approval")
        opened.type("\x03")
        assert opened.end() == 130
    assert f"Run {run} goes on." in opened.shown
    assert f"interlock runs stop {run}" in opened.shown
    assert "Traceback" not in opened.shown
    assert shop.ann.get(f"/runs/{run}")["status"] == "waiting"


@pytest.mark.parametrize("colour", [True, False])
def test_colours_are_for_those_who_want_them(shop: Shop, installed: Terminal, colour: bool) -> None:
    shop.waiting_run()
    installed.more = {} if colour else {"NO_COLOR": "1"}
    with window(installed, "runs", "list") as opened:
        assert opened.end() == 0
    assert "◆ waiting" in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", opened.shown)
    assert ("\x1b[33m" in opened.shown) == colour


def test_wide_characters_keep_their_columns(shop: Shop, installed: Terminal) -> None:
    from rich.cells import cell_len

    titles = ["把订单服务升级到新版本并检查健康状况之后再继续", "short"]
    for title in titles:
        step = {"name": "ask", "kind": "approval", "params": {}}
        shop.command_run(stages=[[{"step": step}]], title=title)
    with window(installed, "runs", "list") as opened:
        assert opened.end() == 0
    lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", opened.shown).splitlines()
    assert all(cell_len(line) <= 80 for line in lines)
    at = [cell_len(line[: line.index(" ann ")]) for line in lines if " ann " in line]
    assert len(at) == 2
    assert len(set(at)) == 1


def test_a_reader_that_has_enough(shop: Shop, installed: Terminal) -> None:
    command = f"{sys.executable} -m interlock_cli journal --limit 0 | head -1"
    environment = {**os.environ, **installed.environment, "PYTHONPATH": str(REPOSITORY / "cli")}
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("WHEN")
