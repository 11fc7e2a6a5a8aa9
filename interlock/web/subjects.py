"""What the journal's subjects are called now: one read for each kind that a page shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from interlock.accounts import queries as accounts
from interlock.accounts.caller import Caller
from interlock.accounts.rights import may
from interlock.catalog import queries as catalog
from interlock.fleet import queries as fleet
from interlock.notify.queries import channels
from interlock.releases.queries import releases
from interlock.runs import template_queries
from interlock.runs.queries import list_runs
from interlock.runs.schedule_queries import schedules
from interlock.vault.queries import secrets

Names = Mapping[int, str]


def _named(rows: Callable[..., object], column: str = "name") -> Callable[[Caller, set[int]], Names]:
    def read(by: Caller, ids: set[int]) -> Names:
        found = rows(by=by).filter(id__in=ids).order_by()  # type: ignore[attr-defined]
        return dict(found.values_list("id", column))

    return read


def _people(by: Caller, ids: set[int]) -> Names:
    return _named(accounts.people, "username")(by, ids) if may(by, "people") else {}


def _instances(by: Caller, ids: set[int]) -> Names:
    rows = catalog.instances(by=by, instance_ids=ids, absent=True)
    return {row.id: f"{row.service_name} @ {row.host_name}" for row in rows}


READERS: dict[str, Callable[[Caller, set[int]], Names]] = {
    "channel": _named(channels),
    "credential": _named(fleet.credentials),
    "environment": _named(fleet.environments),
    "group": _named(fleet.groups),
    "host": _named(fleet.hosts),
    "instance": _instances,
    "person": _people,
    "project": _named(accounts.projects),
    "release": _named(releases, "run__title"),
    "run": _named(list_runs, "title"),
    "schedule": _named(schedules),
    "secret": _named(secrets),
    "service": lambda by, ids: catalog.names_of(by=by, service_ids=ids),
    "task": _named(template_queries.tasks),
    "template": _named(lambda by: template_queries.templates(by=by, archived=None)),
    "token": _named(accounts.tokens),
    "version": lambda by, ids: catalog.names_of(by=by, version_ids=ids),
}


def names_of(by: Caller, subjects: Iterable[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """Those that are still there and that the caller may see."""
    wanted: dict[str, set[int]] = {}
    for kind, row_id in subjects:
        wanted.setdefault(kind, set()).add(row_id)
    return {
        (kind, row_id): name
        for kind, ids in wanted.items()
        if kind in READERS
        for row_id, name in READERS[kind](by, ids).items()
        if name
    }
