"""What the shell may complete: names from the server, had quickly or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import click

TIMEOUT = 1.5  # seconds; longer would feel like a shell that hangs
MOST = 100
Completer = Callable[[click.Context, click.Parameter, str], list[str]]


def _ask(context: click.Context, path: str, **query: Any) -> list[Any]:
    # Only now: completing a word of our own has to be quick.
    from interlock_cli import servers
    from interlock_cli.client import Client
    from interlock_cli.command import Desk

    desk = context.find_object(Desk) or Desk()
    client = Client(servers.load().chosen(desk.server_name, os.environ), timeout=TIMEOUT, pauses=())
    try:
        items: list[Any] = client.get(path, limit=MOST, **query)["items"]
        return items
    finally:
        client.close()


def _names(path: str, searched: bool = False, key: str = "name") -> Completer:
    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
        try:
            query = {"search": incomplete} if searched else {}
            found = [str(row[key]) for row in _ask(context, path, **query)]
        except Exception:
            return []
        return [name for name in found if name.startswith(incomplete)]

    return complete


services = _names("/services", searched=True)
groups = _names("/groups")
environments = _names("/environments")
projects = _names("/projects")
tasks = _names("/tasks")
runs = _names("/runs", key="id")


def hosts(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The last of the names between commas."""
    before, comma, last = incomplete.rpartition(",")
    taken = set(before.split(","))
    found = _names("/hosts", searched=True)(context, parameter, last)
    return [f"{before}{comma}{name}" for name in found if name not in taken]


def versions(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Of the service that is named in front; for an action, those that it can go to."""
    try:
        service = context.params["service"]
        found = next(row for row in _ask(context, "/services", search=service) if row["name"] == service)
        action = context.params.get("action") or (context.info_name or "")
        if action in ("deploy", "upgrade", "revert"):
            rows = _ask(context, f"/services/{found['id']}/versions-for", action=action)
            known = [row["name"] for row in rows if row["enabled"]]
        else:
            known = [
                row["name"] for row in _ask(context, f"/services/{found['id']}/versions", search=incomplete)
            ]
    except Exception:
        return []
    return [name for name in known if name.startswith(incomplete)]
