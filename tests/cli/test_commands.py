"""Every command explains itself, has what every command has, and is written down."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from interlock_cli import __version__
from interlock_cli.errors import EXIT_CODES
from interlock_cli.main import interlock
from tests.architecture.source import REPOSITORY


def commands(
    group: click.Group = interlock, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, group
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


ALL = dict(commands())


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_explains_itself(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(interlock, [*path, "--help"])
    assert shown.exit_code == 0
    assert shown.stdout.startswith(" ".join(["Usage: interlock", *path]))
    command = ALL[path]
    assert command.help
    options = {option for parameter in command.params for option in parameter.opts}
    assert {"--json", "--server"} <= options
    # An option that is not told anything about has a name that says all.
    assert all(len(line) <= 100 for line in shown.stdout.splitlines())


def test_the_paper_names_every_command() -> None:
    paper = (REPOSITORY / "docs" / "cli.md").read_text(encoding="utf-8")
    lines = [re.sub(r"[|`,;]", " ", line).split() for line in paper.splitlines()]
    lacking = [
        path for path, command in ALL.items()
        if not isinstance(command, click.Group) and not any(set(path) <= set(line) for line in lines)
    ]  # fmt: skip
    assert lacking == []


def test_the_paper_names_every_exit_code() -> None:
    paper = (REPOSITORY / "docs" / "cli.md").read_text(encoding="utf-8")
    table = {int(code) for code in re.findall(r"^\| (\d+) \|", paper, re.MULTILINE)}
    assert table == set(EXIT_CODES)
    shown = CliRunner().invoke(interlock, ["--help"]).stdout
    assert all(re.search(rf"^ +{code} +\w", shown, re.MULTILINE) for code in EXIT_CODES)


def test_the_version() -> None:
    assert CliRunner().invoke(interlock, ["--version"]).stdout == f"interlock {__version__}\n"
    assert f'version = "{__version__}"' in (REPOSITORY / "cli" / "pyproject.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["runs", "stp", "1"], "stop"),
        (["runs", "list", "--limt", "1"], "--limit"),
        (["upgrade", "checkout", "v2", "--all", "--bake", "soon"], "span"),
        (["upgrade", "checkout", "v2", "--all", "--hosts", "a"], "one way"),
        (["upgrade", "checkout", "v2"], "one way"),
        (["upgrade", "checkout", "v2", "--all", "--at", "+1h", "--manual-start"], "both"),
        (["upgrade", "checkout", "v2", "--all", "--confirm-after", "0"], "from 1"),
        (["runs", "exclude", "1"], "--host"),
        (["nonsense"], "nonsense"),
    ],
)
def test_wrong_usage_says_what_is_right(words: list[str], said: str) -> None:
    for more in ([], ["--json"]):
        done = CliRunner().invoke(interlock, [*words, *more], env={"INTERLOCK_URL": "http://127.0.0.1:1"})
        assert done.exit_code == 2, done.stderr
        assert said in done.stderr
        assert ("wrong_usage" in done.stderr) == bool(more)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_lines(shell: str) -> None:
    lines = CliRunner().invoke(interlock, ["completion", shell])
    assert lines.exit_code == 0
    assert "_INTERLOCK_COMPLETE" in lines.stdout


def test_bash_takes_the_lines() -> None:
    lines = CliRunner().invoke(interlock, ["completion", "bash"]).stdout
    subprocess.run(["bash", "-n"], input=lines, text=True, check=True)
