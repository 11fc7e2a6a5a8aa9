"""completion: the lines that teach a shell our words."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from interlock_cli.command import Verb

VARIABLE = "_INTERLOCK_COMPLETE"


@click.command("completion", cls=Verb)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands, services, hosts and versions.

    \b
    bash:  eval "$(interlock completion bash)"      in ~/.bashrc
    zsh:   eval "$(interlock completion zsh)"       in ~/.zshrc, after compinit
    fish:  interlock completion fish | source       in ~/.config/fish/config.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    made = kind(context.find_root().command, {}, "interlock", VARIABLE)
    # Not its `source`, which starts a shell to learn how old it is.
    click.echo(made.source_template % made.source_vars())
