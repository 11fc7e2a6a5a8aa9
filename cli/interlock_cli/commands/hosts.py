"""hosts list, show, check."""

from __future__ import annotations

from typing import Any

import click
from rich.text import Text

from interlock_cli import completing, errors, names
from interlock_cli.command import Desk, Nouns, pass_desk
from interlock_cli.errors import Usage
from interlock_cli.reading import WORDS
from interlock_cli.screen import ago, clean, when

TOGETHER = 500  # hosts that the API checks at a time


@click.group("hosts", cls=Nouns)
def hosts() -> None:
    """The machines that services run on."""


def _filter(desk: Desk, environment: str | None, group: str | None, search: str | None) -> dict[str, Any]:
    return {
        "environment_id": names.listed(desk.client, "environment", environment)["id"]
        if environment
        else None,
        "group_id": names.listed(desk.client, "group", group)["id"] if group else None,
        "search": search,
    }


@hosts.command("list")
@click.option("--environment", metavar="NAME", shell_complete=completing.environments)
@click.option("--group", metavar="NAME", shell_complete=completing.groups)
@click.option("--search", metavar="TEXT", help="Part of the name or address.")
@click.option("--limit", type=click.IntRange(0), default=50, show_default=True, help="0: all.")
@pass_desk
def list_hosts(
    desk: Desk, environment: str | None, group: str | None, search: str | None, limit: int
) -> None:
    """Those of the environments that your projects may use."""
    page = desk.client.pages("/hosts", limit or None, **_filter(desk, environment, group, search))
    if desk.as_json:
        return desk.screen.document(page)
    desk.screen.table(
        ["HOST", "ADDRESS", "ENVIRONMENT", "GROUPS", "LABELS", "CHECKED"],
        ((row["name"], f"{row['address']}:{row['port']}", row["environment"], ", ".join(row["groups"]),
          ", ".join(f"{name}={value}" for name, value in row["labels"].items()),
          ago(row["checked_at"]) or "never")
         for row in page["items"]),
        empty="No hosts here.",
    )  # fmt: skip
    desk.screen.more(page)


@hosts.command("show")
@click.argument("host", shell_complete=completing.hosts)
@pass_desk
def show_host(desk: Desk, host: str) -> None:
    """A host, and what is installed on it."""
    row = names.host(desk.client, host)
    if desk.as_json:
        return desk.screen.document(row)
    instances = desk.client.pages("/instances", host_id=row["id"])["items"]
    desk.screen.facts(
        [
            ("host", row["name"]),
            ("address", f"{row['user']}@{row['address']}:{row['port']}"),
            ("environment", row["environment"]),
            ("groups", ", ".join(row["groups"])),
            ("labels", ", ".join(f"{name}={value}" for name, value in row["labels"].items())),
            ("description", row["description"]),
            ("root", row["root"]),
            (
                "keys",
                ", ".join(key["fingerprint"] for key in row["keys"]) or "none accepted: nothing connects",
            ),
            (
                "checked",
                f"{when(row['checked_at'])} ({ago(row['checked_at'])})" if row["checked_at"] else "never",
            ),
            *((f"  {name}", value) for name, value in row["facts"].items()),
            ("instances", ", ".join(f"{i['service']} {i['version'] or ''} {i['status']}" for i in instances)),
        ]
    )


@hosts.command("check")
@click.argument("names_", metavar="[HOST]...", nargs=-1, type=WORDS, shell_complete=completing.hosts)
@click.option("--all", "all_hosts", is_flag=True, help="All that you may see.")
@click.option("--environment", metavar="NAME", shell_complete=completing.environments)
@click.option("--group", metavar="NAME", shell_complete=completing.groups)
@pass_desk
def check_hosts(
    desk: Desk, names_: tuple[list[str], ...], all_hosts: bool, environment: str | None, group: str | None
) -> None:
    """Sign in at hosts and learn what they are. Exit code 1 when one does not answer as it should."""
    named = [name for some in names_ for name in some]
    if bool(named) + bool(all_hosts) + bool(environment or group) != 1:
        raise Usage("Name hosts, or --all, or an --environment or --group.")
    if named:
        rows = names.hosts(desk.client, named)
    else:
        rows = desk.client.pages("/hosts", **_filter(desk, environment, group, None))["items"]
    ids = [row["id"] for row in rows]
    found = []
    for start in range(0, len(ids), TOGETHER):
        found += desk.client.post("/hosts/check", {"host_ids": ids[start : start + TOGETHER]})["items"]
    if desk.as_json:
        desk.screen.document({"items": found})
    else:
        for check in found:
            mark = Text("✗ ", "red") if check["code"] else Text("✓ ", "green")
            desk.screen.say(
                Text.assemble(mark, clean(check["host"]), f"  {clean(check['text'] or 'answers')}")
            )
    desk.end(errors.ENDED_BADLY if any(check["code"] for check in found) else errors.DONE)
