"""locks list, free."""

from __future__ import annotations

import click

from interlock_cli import completing, names
from interlock_cli.command import Desk, Nouns, pass_desk
from interlock_cli.screen import ago, status


@click.group("locks", cls=Nouns)
def locks() -> None:
    """What runs have reserved."""


@locks.command("list")
@click.option("--service", metavar="NAME", shell_complete=completing.services)
@click.option("--run", type=click.IntRange(1), metavar="RUN", shell_complete=completing.runs)
@click.option("--status", "wanted", metavar="STATUS", help="Such as held or unproven.")
@click.option("--limit", type=click.IntRange(0), default=50, show_default=True, help="0: all.")
@pass_desk
def list_locks(desk: Desk, service: str | None, run: int | None, wanted: str | None, limit: int) -> None:
    """Who holds what, since when and why."""
    service_id = names.service(desk.client, service)["id"] if service else None
    page = desk.client.pages("/locks", limit or None, service_id=service_id, run_id=run, status=wanted)
    if desk.as_json:
        return desk.screen.document(page)
    desk.screen.table(
        [" LOCK", "STATUS", "SERVICE", "HOST", " RUN", "HOLDER", "SINCE", "REASON"],
        ((row["id"], status(row["status"]), row["service_name"], row["host_name"] or "(all)", row["run_id"],
          row["holder"], ago(row["since"]), row["reason"])
         for row in page["items"]),
        empty="Nothing is locked.",
    )  # fmt: skip
    desk.screen.more(page)


@locks.command("free")
@click.argument("lock", type=click.IntRange(1))
@click.option(
    "--note", required=True, metavar="TEXT", help="How you know that nothing of the run lives there."
)
@pass_desk
def free_lock(desk: Desk, lock: int, note: str) -> None:
    """Free an unproven lock of a run that has ended."""
    answer = desk.client.post(f"/locks/{lock}/free", {"note": note})
    if desk.as_json:
        return desk.screen.document(answer)
    desk.screen.say(f"{answer['freed']} freed")
