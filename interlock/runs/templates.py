"""What people may do with templates: each save is a version that never changes again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError
from django.db.models import QuerySet

from interlock.accounts.caller import Caller
from interlock.accounts.queries import projects
from interlock.accounts.rights import may, require
from interlock.journal.services import NewEntry, append
from interlock.journal.transactions import writing
from interlock.lifecycle.fields import Text
from interlock.lifecycle.refused import Refused, Unfit, invalid, missing
from interlock.lifecycle.template.reading import read
from interlock.lifecycle.template.template import Template as ReadTemplate
from interlock.runs.clock import now
from interlock.runs.kinds.base import declared
from interlock.runs.models import Schedule, Task, Template, TemplateVersion

TASKS_NAMED = 10


def create_template(*, by: Caller, project_id: int, name: str, text: str, note: str = "") -> Template:
    require(by, "configure", project_id)
    if not projects(by=by).filter(pk=project_id).exists():
        raise missing("not_found")
    _check_text(by, text, note)
    with one_of_a_name(Template.objects.filter(project_id=project_id), name):
        row = Template.objects.create(
            project_id=project_id, name=name, current=1, created_at=now(), created_by=by.name
        )
        _add_version(by, row, text, note)
        append(_entry(by, row, "template.created", note, name=name))
    return row


def save_template(*, by: Caller, template_id: int, text: str, base: int, note: str = "") -> Template:
    """A new version. ``base`` is the one that was changed: refused when it is not the newest any more."""
    with writing():
        row = template_to_change(by, template_id)
        if row.archived_at is not None:
            raise Refused("template_archived", name=row.name)
        _check_text(by, text, note)
        if not Template.objects.filter(id=row.id, current=base).update(current=base + 1):
            newest = row.versions.get(number=row.current)
            raise Refused(
                "template_changed", number=row.current, by=newest.created_by, at=newest.created_at.isoformat()
            )
        row.current = base + 1
        _add_version(by, row, text, note)
        append(_entry(by, row, "template.saved", note, number=row.current))
    return row


def restore_template(*, by: Caller, template_id: int, number: int, base: int, note: str = "") -> Template:
    """The text of an older version once more, as the newest."""
    row = template_to_change(by, template_id, lock=False)
    older = row.versions.filter(number=number).first()
    if older is None:
        raise missing("template_version_not_known", number=number)
    return save_template(by=by, template_id=template_id, text=older.text, base=base, note=note)


def change_template(
    *, by: Caller, template_id: int, name: str | None = None, archived: bool | None = None
) -> Template:
    """Another name; or out of the way: no new version and no new task. The tasks that it has go on."""
    row = template_to_change(by, template_id, lock=False)
    others = Template.objects.filter(project_id=row.project_id).exclude(id=row.id)
    with one_of_a_name(others, row.name if name is None else name):
        row = template_to_change(by, template_id)
        if name is not None and name != row.name:
            append(_entry(by, row, "template.renamed", was=row.name, name=name))
            row.name = name
        if archived is not None and archived != (row.archived_at is not None):
            row.archived_at = now() if archived else None
            append(_entry(by, row, "template.archived" if archived else "template.taken_back"))
        row.save(update_fields=["name", "archived_at"])
    return row


def delete_template(*, by: Caller, template_id: int) -> None:
    """With all its versions; runs keep what they were made from."""
    with writing():
        row = template_to_change(by, template_id)
        using = list(row.tasks.order_by("name").values_list("name", flat=True)[:TASKS_NAMED])
        if using:
            raise Refused("template_in_use", tasks=", ".join(using))
        append(_entry(by, row, "template.deleted", name=row.name))
        row.delete()


def template_to_change(by: Caller, template_id: int, *, lock: bool = True) -> Template:
    """The row, until the transaction's end; who may not see it hears that it is not there."""
    rows = Template.objects.select_for_update() if lock else Template.objects
    row = rows.filter(id=template_id).first()
    if row is None or not may(by, "view", row.project_id):
        raise missing("template_not_known", template_id=template_id)
    require(by, "configure", row.project_id)
    return row


def read_text(text: str) -> ReadTemplate:
    """The template, or ``Unfit`` with every fault and its line."""
    found = read(text, declared())
    if found.template is None:
        raise Unfit("template_unfit", found.faults, line=found.faults[0].line)
    return found.template


def _check_text(by: Caller, text: str, note: str) -> None:
    check_line("note", note, 256)
    if read_text(text).runs_here:
        # It will run as the platform itself, beside its keys and its database, whoever starts it.
        require(by, "platform")


def check_line(field: str, text: str, most: int) -> None:
    for fault in Text(most, least=0).faults(text, (field,)):
        raise fault.refused()


@contextmanager
def one_of_a_name(
    others: QuerySet[Template] | QuerySet[Task] | QuerySet[Schedule], name: str
) -> Iterator[None]:
    """A transaction that gives a row its name; the database says whether it is taken."""
    if not 1 <= len(name) <= 100 or name != name.strip() or not name.isprintable():
        raise invalid("title_unfit", name=name[:100])
    try:
        with writing():
            yield
    except IntegrityError:
        if not others.filter(name=name).exists():
            raise
        raise Refused("name_taken", name=name) from None


def _add_version(by: Caller, row: Template, text: str, note: str) -> None:
    TemplateVersion.objects.create(
        template=row, number=row.current, text=text, note=note, created_at=now(), created_by=by.name
    )


def _entry(by: Caller, row: Template, act: str, reason: str = "", **facts: object) -> NewEntry:
    return NewEntry(by, "template", row.id, act, project_id=row.project_id, reason=reason, facts=facts)
