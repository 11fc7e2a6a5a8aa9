"""What every command has: ``--json``, ``--server``, and a desk with the server and the screen."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property, partial
from typing import Any, NoReturn

import click

from interlock_cli import errors, servers
from interlock_cli.client import Client, new_key
from interlock_cli.errors import Declined, Trouble, Usage
from interlock_cli.screen import Screen


class Desk:
    """Where a command is carried out: made once, asked by whoever needs it."""

    def __init__(self) -> None:
        self.as_json = False
        self.server_name: str | None = None
        self.key = new_key()

    @cached_property
    def screen(self) -> Screen:
        return Screen(self.as_json)

    @cached_property
    def client(self) -> Client:
        client = Client(servers.load().chosen(self.server_name, os.environ))
        click.get_current_context().call_on_close(client.close)
        return client

    def confirm(self, question: str) -> None:
        """Go on only if a person says yes."""
        if not self.screen.interactive:
            raise Usage("Nobody is here to be asked.", ["--yes goes on without the question"])
        if not click.confirm(question, err=True):
            raise Declined("Nothing was done.")

    def end(self, code: int) -> None:
        click.get_current_context().exit(code)


def _on_json(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(Desk).as_json = True


def _on_server(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value:
        context.ensure_object(Desk).server_name = value


def _server_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in servers.load().known if name.startswith(incomplete)]


def everywhere() -> list[click.Option]:
    return [
        click.Option(
            ["--json"], is_flag=True, expose_value=False, is_eager=True, callback=_on_json,
            help="Print the API's own document; errors as problem JSON.",
        ),
        click.Option(
            ["--server"], metavar="NAME", expose_value=False, is_eager=True, callback=_on_server,
            help="A server you signed in at, instead of the current one.", shell_complete=_server_names,
        ),
    ]  # fmt: skip


class Verb(click.Command):
    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.params += everywhere()


class Nouns(click.Group):
    """A group whose commands all have what every command has."""

    command_class = Verb

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.params += everywhere()

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # in the order of how they are used


Nouns.group_class = Nouns  # groups within are of the same kind


class Root(Nouns):
    """The command itself: every end of it has an exit code and a sentence, or a document."""

    def main(self, args: Sequence[str] | None = None, *more: Any, **others: Any) -> NoReturn:
        words = list(args) if args is not None else sys.argv[1:]
        others["standalone_mode"] = False
        if "_INTERLOCK_COMPLETE" in os.environ:
            _quietly(partial(super().main, words, *more, **others))
        try:
            done = super().main(words, *more, **others)
            sys.exit(done if isinstance(done, int) else errors.DONE)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(errors.WRONG_USAGE)
        except (Trouble, click.ClickException) as error:
            sys.exit(_told(error, as_json="--json" in words))
        except (click.Abort, KeyboardInterrupt):
            click.echo("", err=True)
            sys.exit(errors.INTERRUPTED)
        except BrokenPipeError:
            # Whoever read has enough, such as `head`; Python would complain once more at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(errors.DONE)


def _told(error: Trouble | click.ClickException, as_json: bool) -> int:
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        hints = [f"{context.command_path} --help"] if context else []
        trouble: Trouble = Usage(error.format_message(), hints)
    else:
        trouble = error
    Screen(as_json).trouble(trouble)
    return trouble.exit_code


def _quietly(complete: Callable[[], Any]) -> NoReturn:
    """A completion that cannot be had is none: the shell must not notice."""
    with suppress(Exception):
        complete()
    sys.exit(errors.DONE)


_with_desk = click.make_pass_decorator(Desk, ensure=True)


def pass_desk(function: Callable[..., None]) -> Callable[..., None]:
    """Give the command its desk."""
    return _with_desk(function)
