"""Real servers for the tests: PostgreSQL and Valkey, from the wheels of the development set.

``python -m tests.servers [--valkey] -- command …`` runs a command beside fresh servers and hands their
addresses over in its environment. Tests that start and stop a server themselves use the classes.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

from demo.servers import Postgres, Server, ServerError, Valkey

__all__ = ["Postgres", "Server", "ServerError", "Valkey", "postgres", "postgres_url", "valkey", "valkey_url"]


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@contextlib.contextmanager
def valkey() -> Iterator[Valkey]:
    server = Valkey()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@contextlib.contextmanager
def postgres_url() -> Iterator[str]:
    """The address of a PostgreSQL: the one that is there already, or a fresh one."""
    given = os.environ.get("INTERLOCK_DATABASE_URL", "")
    if given.startswith("postgres"):
        yield given
        return
    with postgres() as server:
        yield server.url


@contextlib.contextmanager
def valkey_url() -> Iterator[str]:
    """The address of a Valkey: the one that is there already, or a fresh one."""
    if given := os.environ.get("INTERLOCK_BROKER_URL"):
        yield given
        return
    with valkey() as server:
        yield server.url


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--valkey", action="store_true", help="start a Valkey too")
    parser.add_argument("command", nargs="+")
    asked = parser.parse_args()
    with contextlib.ExitStack() as servers:
        environment = dict(os.environ, INTERLOCK_DATABASE_URL=servers.enter_context(postgres()).url)
        if asked.valkey:
            environment["INTERLOCK_BROKER_URL"] = servers.enter_context(valkey()).url
        return subprocess.run(asked.command, env=environment, check=False).returncode


if __name__ == "__main__":
    # A stop asked of us must still end the servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
