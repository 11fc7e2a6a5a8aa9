"""Many hosts from lines of text: name,address,port,user,groups,labels; each line judged on its own."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from interlock.accounts.caller import Caller
from interlock.accounts.rights import require
from interlock.fleet.models import Host, HostGroup
from interlock.fleet.services.hosts import check_host, create_host
from interlock.journal.transactions import writing
from interlock.lifecycle.refused import Refused, invalid

COLUMNS = ("name", "address", "port", "user", "groups", "labels")
MOST_LINES = 1000


@dataclass(frozen=True)
class ImportLine:
    """``values`` as they were read; ``faults`` are refusals, each with the column it is about."""

    number: int
    text: str
    values: Mapping[str, Any]
    faults: tuple[tuple[str, Refused], ...] = ()


@dataclass
class _Known:
    """What the lines are held against, names in small letters; those of earlier lines count as taken."""

    names: set[str]
    groups: dict[str, int]
    seen: dict[str, int] = field(default_factory=dict)


def read_lines(*, by: Caller, text: str, user: str = "root", port: int = 22) -> list[ImportLine]:
    """What would be registered, line by line, with everything that is wrong. Nothing is written.

    Columns are split at commas or tabs; empty lines, lines that begin with # and a heading are passed over.
    Groups are split at spaces or semicolons, labels are name=value split the same way.
    """
    require(by, "fleet")
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        cells = _cells(line)
        heading = [cell.lower() for cell in cells[:2]] == ["name", "address"]
        if line.strip() and not line.lstrip().startswith("#") and not heading:
            found.append((number, line, cells))
    if not found:
        raise invalid("no_lines")
    if len(found) > MOST_LINES:
        raise invalid("too_many_lines", count=len(found), most=MOST_LINES)
    known = _Known(
        {name.lower() for name in Host.objects.values_list("name", flat=True)},
        dict(HostGroup.objects.values_list("name", "id")),
    )
    return [_judge(number, line, cells, known, user, port) for number, line, cells in found]


def _cells(line: str) -> list[str]:
    separator = "\t" if "\t" in line else ","
    row = next(csv.reader([line.replace("\0", "")], delimiter=separator), [])
    return [cell.strip() for cell in row]


def _judge(number: int, line: str, cells: Sequence[str], known: _Known, user: str, port: int) -> ImportLine:
    given = dict(zip(COLUMNS, [*cells, *[""] * len(COLUMNS)], strict=False))
    values: dict[str, Any] = {
        "name": given["name"],
        "address": given["address"] or given["name"],
        "port": given["port"] or port,
        "user": given["user"] or user,
        "groups": _words(given["groups"]),
        "labels": dict(word.partition("=")[::2] for word in _words(given["labels"])),
    }
    faults: list[tuple[str, Refused]] = []
    if len(cells) > len(COLUMNS):
        faults.append(("labels", invalid("columns_too_many", count=len(cells), most=len(COLUMNS))))
    if str(values["port"]).isdecimal() and len(str(values["port"])) < 9:
        values["port"] = int(values["port"])
    else:
        faults.append(("port", invalid("port_unfit", port=str(values["port"])[:20])))
    for column in ("name", "address", "port", "user", "labels"):
        if column == "port" and faults and faults[-1][0] == "port":
            continue
        try:
            check_host({column: values[column]})
        except Refused as refused:
            faults.append((column, refused))
    faults += _clashes(number, values, known)
    return ImportLine(number, line, values, tuple(faults))


def _words(cell: str) -> list[str]:
    return cell.replace(";", " ").split()


def _clashes(number: int, values: Mapping[str, Any], known: _Known) -> list[tuple[str, Refused]]:
    faults = []
    name = values["name"]
    if name.lower() in known.names:
        faults.append(("name", Refused("name_taken", name=name)))
    elif name.lower() in known.seen:
        faults.append(("name", invalid("name_in_line", name=name, line=known.seen[name.lower()])))
    known.seen.setdefault(name.lower(), number)
    strange = [group for group in values["groups"] if group not in known.groups]
    if strange:
        faults.append(("groups", invalid("group_not_known", ids=", ".join(strange)[:200])))
    return faults


def import_hosts(
    *,
    by: Caller,
    text: str,
    environment_id: int,
    credential_id: int | None = None,
    root: str = "/srv/interlock",
    user: str = "root",
    port: int = 22,
) -> list[Host]:
    """Register the hosts of all lines, or of none."""
    lines = read_lines(by=by, text=text, user=user, port=port)
    wrong = sum(1 for line in lines if line.faults)
    if wrong:
        raise invalid("hosts_with_faults", count=wrong)
    groups = dict(HostGroup.objects.values_list("name", "id"))
    made = []
    with writing():
        for line in lines:
            values = {name: value for name, value in line.values.items() if name != "groups"}
            made.append(
                create_host(
                    by=by,
                    environment_id=environment_id,
                    credential_id=credential_id,
                    root=root,
                    group_ids=[groups[name] for name in line.values["groups"]],
                    **values,
                )
            )
    return made
