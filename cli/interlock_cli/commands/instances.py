"""instances list: which version runs where."""

from __future__ import annotations

from typing import Any

import click
from rich.text import Text

from interlock_cli import completing, names
from interlock_cli.client import Json
from interlock_cli.command import Desk, Nouns, pass_desk
from interlock_cli.errors import Usage
from interlock_cli.screen import QUIET, ago, clean, status


@click.group("instances", cls=Nouns)
def instances() -> None:
    """Which version of which service is on which host."""


@instances.command("list")
@click.argument("service", required=False, shell_complete=completing.services)
@click.option("--host", metavar="NAME", shell_complete=completing.hosts)
@click.option("--version", metavar="VERSION", shell_complete=completing.versions, help="Needs a SERVICE.")
@click.option("--environment", metavar="NAME", shell_complete=completing.environments)
@click.option("--status", "wanted", metavar="STATUS", help="Such as running or upgrade_failed.")
@click.option("--project", metavar="NAME", shell_complete=completing.projects)
@click.option("--locked/--unlocked", default=None)
@click.option("--maintenance/--no-maintenance", default=None)
@click.option("--limit", type=click.IntRange(0), default=50, show_default=True, help="0: all.")
@pass_desk
def list_instances(desk: Desk, service: str | None, limit: int, **given: Any) -> None:
    """Instances, all of them or those that fit."""
    page = desk.client.pages("/instances", limit or None, **_filter(desk, service, given))
    if desk.as_json:
        return desk.screen.document(page)
    desk.screen.table(
        ["SERVICE", "HOST", "ENVIRONMENT", "VERSION", "STATUS", "CHANGED", "LOCKED BY"],
        ((row["service"], row["host"], row["environment"], _version(row), _status(row),
          ago(row["updated_at"]), row["lock"]["holder"] if row["lock"] else "")
         for row in page["items"]),
        empty="No instances here.",
    )  # fmt: skip
    desk.screen.more(page)


def _filter(desk: Desk, service: str | None, given: Json) -> Json:
    service_id = names.service(desk.client, service)["id"] if service else None
    if given["version"] and service_id is None:
        raise Usage("--version needs the service that it is one of: instances list SERVICE --version …")
    version = (
        names.version(desk.client, service_id, given["version"]) if given["version"] and service_id else {}
    )
    return {
        "service_id": service_id,
        "version_id": version.get("id"),
        "host_id": names.host(desk.client, given["host"])["id"] if given["host"] else None,
        "project_id": names.listed(desk.client, "project", given["project"])["id"]
        if given["project"]
        else None,
        "environment": given["environment"],
        "status": given["wanted"],
        "locked": given["locked"],
        "maintenance": given["maintenance"],
    }


def _version(row: Json) -> Text:
    if row["next_version"] and row["next_version"] != row["version"]:
        return Text.assemble(clean(row["version"] or "(none)"), (" → ", QUIET), clean(row["next_version"]))
    return Text(clean(row["version"]))


def _status(row: Json) -> Text:
    if row["status"] == "running":  # as it should be; of a run the same word means work
        return Text("running (maintenance)" if row["maintenance"] else "running")
    return status(row["status"], "(maintenance)" if row["maintenance"] else "")
