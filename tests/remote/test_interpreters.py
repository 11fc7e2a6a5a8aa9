"""Who reads a script: sh, unless its first line or the step says otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from interlock.remote import Body, HostSpec
from tests.remote.conftest import Log, name, with_link


def said(
    tmp_path: Path, script: bytes, shell: str = "sh", interpreter: Literal["sh", "bash", "python3"] = "sh"
) -> tuple[int | None, str]:
    spec = HostSpec(id=0, name="here", address="", local=True, state_dir=str(tmp_path / "state"), shell=shell)
    body, log = Body(name(), script, interpreter=interpreter), Log()

    async def run(link):  # type: ignore[no-untyped-def]
        await link.launch(body)
        return await link.follow(body.id, 0, log.take)

    return with_link(spec, run).exit_code, log.data.decode()


@pytest.mark.parametrize(
    ("line", "rest", "answer"),
    [
        ("", 'echo "$BASH_VERSION"', "\n"),
        ("#!/bin/sh", "echo plain", "plain\n"),
        ("#!/bin/sh -e", "false; echo on", ""),
        ("#! /bin/bash", '[ -n "$BASH_VERSION" ] && echo bash', "bash\n"),
        ("#!/usr/bin/env bash", '[ -n "$BASH_VERSION" ] && echo bash', "bash\n"),
        ("#!/usr/bin/env python3", "import sys; print(sys.version_info >= (3,))", "True\n"),
        ("#!/usr/bin/env -S python3 -O", "print(__debug__)", "False\n"),
        ("#!/usr/bin/env python3\r", "print('written elsewhere')", "written elsewhere\n"),
    ],
)
def test_the_first_line_decides(tmp_path: Path, line: str, rest: str, answer: str) -> None:
    assert said(tmp_path, f"{line}\n{rest}\n".encode())[1] == answer


def test_the_shell_of_the_host_reads_what_asks_for_sh(tmp_path: Path) -> None:
    script = b"#!/bin/sh\nreadlink /proc/$$/exe"
    assert said(tmp_path, script, shell="busybox sh")[1].endswith("busybox\n")


def test_what_the_step_says_goes_before_the_line(tmp_path: Path) -> None:
    assert said(tmp_path, b"#!/bin/sh\nprint(1 + 1)", interpreter="python3") == (0, "2\n")


@pytest.mark.parametrize("line", ["#!/opt/no such/thing", "#!/usr/bin/env nosuch", "#!/opt/it's-not-there"])
def test_a_program_that_is_not_there_is_named(tmp_path: Path, line: str) -> None:
    code, log = said(tmp_path, f"{line}\necho never".encode())
    assert code == 127
    asked = line.removeprefix("#!").removeprefix("/usr/bin/env ").partition(" ")[0]
    assert log == f"interlock: the script asks for {asked}, which this host does not have\n"
