"""The command itself."""

from __future__ import annotations

import click

from interlock_cli import __version__
from interlock_cli.command import Root
from interlock_cli.commands import (
    approvals,
    builds,
    completion,
    hosts,
    instances,
    journal,
    locks,
    logs,
    releases,
    runs,
    services,
    session,
    steering,
    tasks,
    versions,
)
from interlock_cli.errors import EXIT_CODES

_CODES = "\n".join(f"  {code:<4}{meaning}" for code, meaning in EXIT_CODES.items())
_EPILOG = f"\b\nExit codes:\n{_CODES}\n\n`interlock COMMAND --help` says more."


@click.group(
    "interlock",
    cls=Root,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="interlock %(version)s")
def interlock() -> None:
    """Interlock: see what runs where, look at a plan, release, follow, approve.

    Begin with `interlock login URL`.
    """


COMMANDS = [
    *session.COMMANDS, *releases.COMMANDS, releases.releases, runs.runs, *approvals.COMMANDS,
    tasks.tasks, services.services, versions.versions, instances.instances, hosts.hosts,
    locks.locks, builds.builds, journal.journal, completion.completion,
]  # fmt: skip
for command in COMMANDS:
    interlock.add_command(command)
steering.add_to(runs.runs)
logs.add_to(runs.runs, builds.builds)


def main() -> None:
    interlock(prog_name="interlock")
