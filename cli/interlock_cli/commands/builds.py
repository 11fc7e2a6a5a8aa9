"""builds start, show."""

from __future__ import annotations

import click
from rich.text import Text

from interlock_cli import completing, names
from interlock_cli.command import Desk, Nouns, pass_desk
from interlock_cli.following import follow
from interlock_cli.screen import status, when


@click.group("builds", cls=Nouns)
def builds() -> None:
    """The making of versions."""


@builds.command("start")
@click.argument("service", shell_complete=completing.services)
@click.argument("ref")
@click.option("--description", default="", metavar="TEXT")
@click.option("--rebuild", is_flag=True, help="Also when the commit has a version already.")
@click.option("--wait/--detach", default=False, help="Follow the build to its end. Default: --detach.")
@pass_desk
def start_build(desk: Desk, service: str, ref: str, description: str, rebuild: bool, wait: bool) -> None:
    """Make a version from a branch, tag or commit."""
    service_id = names.service(desk.client, service)["id"]
    body = {"ref": ref, "description": description, "rebuild": rebuild}
    build = desk.client.post(f"/services/{service_id}/builds", body, key=desk.key)
    if wait and build["run_id"]:
        return follow(desk, build["run_id"])
    if desk.as_json:
        return desk.screen.document(build)
    desk.screen.say(Text.assemble(status(build["status"]), f"  build {build['id']} · run {build['run_id']}"))
    desk.screen.note(f"  → interlock builds logs {build['id']} -f")


@builds.command("show")
@click.argument("build", type=click.IntRange(1))
@pass_desk
def show_build(desk: Desk, build: int) -> None:
    """A build, and the version that it makes."""
    row = desk.client.get(f"/builds/{build}")
    if desk.as_json:
        return desk.screen.document(row)
    desk.screen.facts(
        [
            ("build", row["id"]),
            ("status", status(row["status"])),
            ("version", row["version_name"] or f"#{row['version_id']}"),
            ("from", f"{row['source']} {row['ref']}"),
            ("run", row["run_id"]),
            ("made", f"{when(row['created_at'])} by {row['created_by']}"),
        ]
    )
