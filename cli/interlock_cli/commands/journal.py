"""journal: who did what, when, and why."""

from __future__ import annotations

import click
from rich.text import Text

from interlock_cli import completing, names
from interlock_cli.client import Json
from interlock_cli.command import Desk, Verb, pass_desk
from interlock_cli.screen import QUIET, clean, when


@click.command("journal", cls=Verb)
@click.option("--subject", metavar="NOUN", help="Such as run, service, host, instance.")
@click.option("--id", "subject_id", type=click.IntRange(1), help="Of the subject.")
@click.option(
    "--run",
    type=click.IntRange(1),
    metavar="RUN",
    shell_complete=completing.runs,
    help="Short for --subject run --id RUN.",
)
@click.option("--act", metavar="ACT", help="Such as run.started.")
@click.option("--project", metavar="NAME", shell_complete=completing.projects)
@click.option("--limit", type=click.IntRange(0), default=30, show_default=True, help="0: all.")
@pass_desk
def journal(
    desk: Desk, subject: str | None, subject_id: int | None, run: int | None, act: str | None,
    project: str | None, limit: int,
) -> None:  # fmt: skip
    """The record of acts and changes of status, newest first."""
    if run:
        subject, subject_id = "run", run
    project_id = names.listed(desk.client, "project", project)["id"] if project else None
    page = desk.client.pages(
        "/journal", limit or None, subject=subject, subject_id=subject_id, act=act, project_id=project_id
    )
    if desk.as_json:
        return desk.screen.document(page)
    desk.screen.table(
        ["WHEN", "WHO", "ACT", "SUBJECT", "CHANGE"],
        ((when(row["at"]), row["actor"]["name"] or row["actor"]["kind"], row["act"],
          f"{row['subject']} {row['subject_id']}", _change(row))
         for row in page["items"]),
        empty="Nothing is written down about this.",
    )  # fmt: skip
    desk.screen.more(page)


def _change(row: Json) -> Text:
    moved = f"{row['from_status']} → {row['to_status']}" if row["to_status"] else ""
    return Text.assemble(clean(moved), (f" {clean(row['reason'])}" if row["reason"] else "", QUIET))
