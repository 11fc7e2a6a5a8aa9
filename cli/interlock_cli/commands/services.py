"""services list, show."""

from __future__ import annotations

import click
from rich.text import Text

from interlock_cli import completing, names
from interlock_cli.client import Json
from interlock_cli.command import Desk, Nouns, pass_desk
from interlock_cli.screen import ago, status, when


@click.group("services", cls=Nouns)
def services() -> None:
    """What can be released."""


@services.command("list")
@click.option("--search", metavar="TEXT", help="Part of the name.")
@click.option("--language", metavar="NAME")
@click.option("--project", metavar="NAME", shell_complete=completing.projects)
@click.option("--limit", type=click.IntRange(0), default=50, show_default=True, help="0: all.")
@pass_desk
def list_services(
    desk: Desk, search: str | None, language: str | None, project: str | None, limit: int
) -> None:
    """In the order of their names."""
    project_id = names.listed(desk.client, "project", project)["id"] if project else None
    page = desk.client.pages(
        "/services", limit or None, search=search, language=language, project_id=project_id
    )
    if desk.as_json:
        return desk.screen.document(page)
    desk.screen.table(
        ["SERVICE", "NEWEST VERSION", "BUILT", "INSTANCES", "LOCKED BY"],
        ((row["name"], row["newest"], ago(row["newest_at"]), _instances(row), row["lock_holder"])
         for row in page["items"]),
        empty="No services here.",
    )  # fmt: skip
    desk.screen.more(page)


def _instances(row: Json) -> Text:
    """``6 running, 1 upgrade_failed``, each in its colour."""
    parts = [status(word) if word != "running" else Text(word) for word in row["instances"]]
    counted = [
        Text.assemble(f"{count} ", part) for count, part in zip(row["instances"].values(), parts, strict=True)
    ]
    return Text(", ").join(counted)


@services.command("show")
@click.argument("service", shell_complete=completing.services)
@pass_desk
def show_service(desk: Desk, service: str) -> None:
    """A service: where it comes from, and which versions run on how many hosts."""
    row = names.service(desk.client, service)
    if desk.as_json:
        return desk.screen.document(row)
    running: dict[str, int] = {}
    for instance in desk.client.pages("/instances", service_id=row["id"])["items"]:
        name = instance["version"] or "(none)"
        running[name] = running.get(name, 0) + 1
    desk.screen.facts(
        [
            ("service", row["name"]),
            ("description", row["description"]),
            ("language", row["language"]),
            ("built from", f"{row['build_source']} {row['build_url']}".strip()),
            ("newest", f"{row['newest']} ({ago(row['newest_at'])})" if row["newest"] else ""),
            ("instances", _instances(row)),
            (
                "versions",
                ", ".join(f"{name} on {count}" for name, count in sorted(running.items(), reverse=True)),
            ),
            ("locked by", row["lock_holder"]),
            ("lock scope", row["lock_scope"]),
            *((name, value) for name, value in row["settings"].items()),
            ("changed", f"{when(row['updated_at'])} by {row['updated_by']}"),
        ]
    )
