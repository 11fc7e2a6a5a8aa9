"""From the names that people type to the ids of the API, with what they may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from interlock_cli.client import Client, Json
from interlock_cli.errors import Problem, Trouble, Unknown

LOOKED_AT = 2000  # names that a close match is looked for among
SHOWN = 3


def close(name: str, known: Iterable[str]) -> list[str]:
    """What was probably meant: similar, or a part of it."""
    names = list(known)
    ratio = {other: difflib.SequenceMatcher(None, name, other).ratio() for other in names}
    # Only what is about as close as the closest: of web-1 to web-9 all are a little like web-10.
    least = max(0.6, max(ratio.values(), default=0) - 0.1)
    similar = sorted((other for other in names if ratio[other] >= least), key=lambda other: -ratio[other])
    holding = [other for other in names if name and name.lower() in other.lower()]
    return list(dict.fromkeys([*similar, *holding]))[:SHOWN]


def meant(name: str, known: Iterable[str]) -> list[str]:
    """As hints."""
    found = close(name, known)
    return [f"did you mean {' or '.join(found)}?"] if found else []


def found(kind: str, name: str, rows: Sequence[Json], key: str = "name") -> Json:
    for row in rows:
        if row[key] == name:
            return row
    raise Unknown(
        f"There is no {kind} “{name}”, or you may not see it.", meant(name, (row[key] for row in rows))
    )


def service(client: Client, name: str) -> Json:
    """By its name."""
    rows: list[Json] = client.get("/services", search=name, limit=200)["items"]
    if not any(row["name"] == name for row in rows):
        rows = client.pages("/services", LOOKED_AT)["items"]
    return found("service", name, rows)


def host(client: Client, name: str) -> Json:
    rows: list[Json] = client.get("/hosts", search=name, limit=200)["items"]
    if not any(row["name"] == name for row in rows):
        rows = client.pages("/hosts", LOOKED_AT)["items"]
    return found("host", name, rows)


def hosts(client: Client, names: Sequence[str]) -> list[Json]:
    """All of them, or an end that names each that is not there."""
    if len(names) == 1:
        return [host(client, names[0])]
    known = {row["name"]: row for row in client.pages("/hosts")["items"]}
    lacking = [name for name in names if name not in known]
    if lacking:
        hints = [f"{name}: {hint}" for name in lacking[:5] for hint in meant(name, known)]
        raise Unknown(f"These hosts are not there, or not yours to see: {', '.join(lacking)}.", hints)
    return [known[name] for name in names]


def version(client: Client, service_id: int, name: str) -> Json:
    """By its name, or by its id as ``#12``: a version that failed has no name."""
    if name.startswith("#") and name[1:].isdigit():
        return dict(client.get(f"/versions/{int(name[1:])}"))
    rows: list[Json] = client.get(f"/services/{service_id}/versions", search=name, limit=200)["items"]
    if not any(row["name"] == name for row in rows):
        rows = client.pages(f"/services/{service_id}/versions", 200)["items"]
    return found("version", name, rows)


def listed(client: Client, kind: str, name: str) -> Json:
    """Of a short list: environments, groups, projects."""
    return found(kind, name, client.pages(f"/{kind}s", LOOKED_AT)["items"])


def with_hints(client: Client, trouble: Trouble, asked: Json) -> Trouble:
    """A refused release, with close matches of the names that the server did not know."""
    if not isinstance(trouble, Problem):
        return trouble
    with suppress(Trouble):  # the refusal itself is what matters
        trouble.hints += _hints(client, trouble, asked)
    return trouble


def _hints(client: Client, problem: Problem, asked: Json) -> list[str]:
    name: Any
    if problem.code == "service_not_known":
        return meant(
            str(asked["service"]), (row["name"] for row in client.pages("/services", LOOKED_AT)["items"])
        )
    if problem.code == "version_not_known":
        found = service(client, str(asked["service"]))
        rows = client.get(f"/services/{found['id']}/versions", status="success", limit=200)["items"]
        name = problem.facts.get("version", "")
        return meant(str(name), (row["name"] for row in rows)) or [
            f"interlock versions list {asked['service']}"
        ]
    if problem.code == "host_not_known":
        known = [row["name"] for row in client.pages("/hosts", LOOKED_AT)["items"]]
        unknown = str(problem.facts.get("hosts", "")).split(", ")
        return [f"{name}: {hint}" for name in unknown[:5] for hint in meant(name, known)]
    return NEXT.get(problem.code, [])


NEXT = {
    "plan_changed": ["look again: interlock plan …"],
    "already_there": ["--skip leaves them out"],
    "already_deployed": ["--skip leaves them out"],
    "version_not_newer": ["--skip leaves them out; interlock revert goes back"],
    "version_not_older": ["--skip leaves them out; interlock upgrade goes on"],
    "instance_held": ["interlock locks list shows who holds them", "--skip-locked leaves them out"],
}
