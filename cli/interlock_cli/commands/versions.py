"""versions list, show, upload."""

from __future__ import annotations

from pathlib import Path

import click
from rich.text import Text

from interlock_cli import completing, names
from interlock_cli.client import Json
from interlock_cli.command import Desk, Nouns, pass_desk
from interlock_cli.screen import QUIET, ago, size_of, status, when


@click.group("versions", cls=Nouns)
def versions() -> None:
    """What was built."""


@versions.command("list")
@click.argument("service", shell_complete=completing.services)
@click.option(
    "--for",
    "action",
    type=click.Choice(["deploy", "upgrade", "revert"]),
    help="Every successful version, and why this action cannot go to it.",
)
@click.option(
    "--from-version",
    metavar="VERSION",
    shell_complete=completing.versions,
    help="With --for: from this version, not from those installed.",
)
@click.option("--status", "wanted", metavar="STATUS", help="Such as success or failed.")
@click.option("--search", metavar="TEXT", help="Part of the name.")
@click.option("--limit", type=click.IntRange(0), default=20, show_default=True, help="0: all.")
@pass_desk
def list_versions(
    desk: Desk, service: str, action: str | None, from_version: str | None, wanted: str | None,
    search: str | None, limit: int,
) -> None:  # fmt: skip
    """Youngest first."""
    service_id = names.service(desk.client, service)["id"]
    if action:
        return _choices(desk, service_id, action, from_version, limit)
    page = desk.client.pages(f"/services/{service_id}/versions", limit or None, status=wanted, search=search)
    if desk.as_json:
        return desk.screen.document(page)
    desk.screen.table(
        ["VERSION", "STATUS", "REF", "COMMIT", " SIZE", "MADE", "BY"],
        ((row["name"] or f"#{row['id']}", _status(row), row["ref"], row["commit"][:8], size_of(row["size"]),
          ago(row["created_at"]), row["created_by"])
         for row in page["items"]),
        empty="No versions yet.",
    )  # fmt: skip
    desk.screen.more(page)


def _status(row: Json) -> Text:
    return status(row["status"], row["reason_text"])


def _choices(desk: Desk, service_id: int, action: str, from_version: str | None, limit: int) -> None:
    origin = names.version(desk.client, service_id, from_version)["id"] if from_version else None
    path = f"/services/{service_id}/versions-for"
    page = desk.client.pages(path, limit or None, action=action, from_version_id=origin)
    if desk.as_json:
        return desk.screen.document(page)
    desk.screen.table(
        ["VERSION", action.upper(), "MADE"],
        (
            (Text(row["name"], "" if row["enabled"] else QUIET),
             Text("yes", "green") if row["enabled"] else Text(f"no: {row['reason_text']}", QUIET),
             ago(row["created_at"]))
            for row in page["items"]
        ),
        empty="No successful versions yet.",
    )  # fmt: skip
    desk.screen.more(page)


@versions.command("show")
@click.argument("service", shell_complete=completing.services)
@click.argument("version", shell_complete=completing.versions)
@pass_desk
def show_version(desk: Desk, service: str, version: str) -> None:
    """A version; one without a name by its number, as #12."""
    found = names.version(desk.client, names.service(desk.client, service)["id"], version)
    row = desk.client.get(f"/versions/{found['id']}")
    if desk.as_json:
        return desk.screen.document(row)
    desk.screen.facts(
        [
            ("version", row["name"] or f"#{row['id']}"),
            ("service", row["service_name"]),
            ("status", _status(row)),
            ("ref", row["ref"]),
            ("commit", row["commit"]),
            ("package", f"{row['package']} ({size_of(row['size'])})" if row["package"] else ""),
            ("sha-256", row["digest"]),
            ("description", row["description"]),
            ("made", f"{when(row['created_at'])} by {row['created_by']}"),
            ("built by run", row["run_id"]),
        ]
    )


@versions.command("upload")
@click.argument("service", shell_complete=completing.services)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", default="", metavar="VERSION", help="Default: by the service's rule.")
@click.option("--ref", default="", metavar="REF", help="The branch or tag that it was made from.")
@click.option("--commit", default="", metavar="SHA")
@click.option("--digest", default="", metavar="SHA256", help="Refused when the file arrives as another one.")
@click.option("--description", default="", metavar="TEXT")
@pass_desk
def upload(desk: Desk, service: str, file: Path, **form: str) -> None:
    """Make a version of a package that was built elsewhere: a tar.gz, tar or zip."""
    service_id = names.service(desk.client, service)["id"]
    with file.open("rb") as package:
        made = desk.client.upload(f"/services/{service_id}/uploads", (file.name, package), form)
    if desk.as_json:
        return desk.screen.document(made)
    desk.screen.say(Text.assemble(_status(made), f"  {made['name'] or made['id']}"))
