"""A plan in the words of a page: batches with like hosts folded, rules, commands, and what differs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext, ngettext

from interlock.lifecycle.run.plan import Rollout, StepPlan
from interlock.releases.plan import plan_of
from interlock.web import labels
from interlock.web.forms import readable
from interlock.web.templatetags.pages import duration
from interlock.words import sentence

NAMES_SHOWN = 8  # of hosts that are alike; the others are folded


@dataclass
class Alike:
    """Hosts of a batch for which the same is meant."""

    origin: str
    target: str
    environment: str
    more: str
    hosts: list[str] = field(default_factory=list)

    @property
    def shown(self) -> list[str]:
        return self.hosts[:NAMES_SHOWN]

    @property
    def folded(self) -> list[str]:
        return self.hosts[NAMES_SHOWN:]


@dataclass(frozen=True)
class Batch:
    number: int
    size: int
    rows: Sequence[Alike]
    confirm: bool


def batches(intent: Mapping[str, Any]) -> list[Batch]:
    hosts, found, at = intent["hosts"], [], 0
    fresh = intent["action"] == "deploy"
    for index, size in enumerate(intent["batches"]):
        alike: dict[tuple[str, str, str, str], Alike] = {}
        for host in hosts[at : at + size]:
            key = (_name(host["from"]), _name(host["to"]), host["environment"], _more(host, fresh))
            alike.setdefault(key, Alike(*key)).hosts.append(host["name"])
        found.append(Batch(index + 1, size, list(alike.values()), index in intent["confirm"]))
        at += size
    return found


def _name(version: Mapping[str, Any] | None) -> str:
    return version["name"] if version else ""


def _more(host: Mapping[str, Any], fresh: bool) -> str:
    if not fresh:
        return ""
    parts = [f"{gettext('port')} {host['port']}" if host["port"] else "", host["tag"]]
    parts.append(f"{gettext('weight')} {host['weight']}" if host["weight"] != 100 else "")
    return " · ".join(part for part in parts if part)


def rules(intent: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What holds for the whole of it: (name, words)."""
    sizes = intent["batches"]
    found = [
        (gettext("Approval"), _approval(intent["approval"])),
        (gettext("Start"), _start(intent["start"])),
    ]
    found.append((gettext("Batches"), " + ".join(str(size) for size in sizes)))
    if len(sizes) > 1:
        found.append((gettext("Between batches"), _between(intent)))
    allowed = intent["threshold"]
    bearable = ngettext(
        "up to %(number)s failed host is borne", "up to %(number)s failed hosts are borne", allowed
    )
    halt = gettext("the first failed host makes the run wait for a person")
    found.append((gettext("Failures"), bearable % {"number": allowed} if allowed else halt))
    if intent["action"] != "delete":
        back = gettext("goes back to what it ran before") if intent["put_back"] else gettext("stays as it is")
        found.append((gettext("A host that fails"), back))
        kept = intent["settings"]["keep_versions"]
        found.append(
            (gettext("Kept on each host"), gettext("the last %(number)s versions") % {"number": kept})
        )
    found.append((gettext("Closed to others"), str(labels.LOCK_SCOPES[intent["lock_scope"]])))
    return found


def _approval(rule: Mapping[str, Any] | None) -> str:
    if rule is None:
        return gettext("none is asked for")
    quorum = rule["quorum"]
    parts = [ngettext("%(number)s person", "%(number)s people", quorum) % {"number": quorum}]
    if rule.get("people"):
        parts.append(gettext("of %(names)s") % {"names": ", ".join(rule["people"])})
    if rule.get("not_requester"):
        parts.append(gettext("not who asks"))
    if rule.get("deadline"):
        then = gettext("approved") if rule.get("on_deadline") == "approve" else gettext("rejected")
        words = gettext("%(then)s if undecided after %(time)s")
        parts.append(words % {"then": then, "time": duration(rule["deadline"])})
    return ", ".join(parts)


def _start(start: str) -> str:
    if start == "auto":
        return gettext("by itself, as soon as it may")
    return gettext("by hand") if start == "manual" else start.replace("T", " ")[:16] + " UTC"


def _between(intent: Mapping[str, Any]) -> str:
    parts = []
    if intent["bake"]:
        parts.append(gettext("waits %(time)s") % {"time": duration(intent["bake"])})
    if intent["confirm"]:
        numbers = ", ".join(str(batch + 1) for batch in intent["confirm"])
        parts.append(gettext("a person lets it go on after batch %(numbers)s") % {"numbers": numbers})
    return ", ".join(parts) or gettext("goes on by itself")


@dataclass(frozen=True)
class Command:
    name: str
    says: str
    text: str
    seconds: int


def commands(intent: Mapping[str, Any]) -> tuple[list[Command], list[Command]]:
    """What is done on each host in turn, and what puts a failing one back."""
    rollout = plan_of(intent).stages[-1].branches[0]
    assert isinstance(rollout, Rollout)
    return [_command(step) for step in rollout.steps], [_command(step) for step in rollout.put_back]


def _command(step: StepPlan) -> Command:
    params, says, text = step.params, "", ""
    if step.kind == "service_script":
        text = params["text"]
        if not text and params["unit"]:
            says = gettext("systemd: %(unit)s") % {"unit": params["unit"]}
        elif not text:
            says = gettext("interlock/%(name)s of the package, if it is there") % {"name": params["what"]}
        else:
            says = gettext("script of the service's settings")
    else:
        says = {
            "transfer": gettext("fetch the package, hold it against its digest, unpack it"),
            "switch": gettext("point current at the version, in one move"),
            "prune": gettext("take away versions past the number kept"),
            "remove": gettext("take the service's files away"),
        }.get(step.kind, step.kind)
    return Command(step.name, says, text, int(step.timeout or 0))


def in_the_way(obstacles: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One entry for hosts with the same obstacle, in words and with a link to what blocks."""
    alike: dict[tuple[Any, ...], dict[str, Any]] = {}
    for obstacle in obstacles:
        facts = {name: value for name, value in obstacle.items() if name not in ("code", "host")}
        key = (obstacle["code"], *(str(facts[name]) for name in sorted(facts)))
        found = alike.setdefault(key, {"code": obstacle["code"], "facts": facts, "hosts": []})
        if obstacle.get("host"):
            found["hosts"].append(obstacle["host"])
    for found in alike.values():
        named = ", ".join(found["hosts"][:NAMES_SHOWN]) + ("…" if len(found["hosts"]) > NAMES_SHOWN else "")
        found["text"] = sentence(found["code"], {**readable(found["facts"]), "hosts": named})
        found["run_id"] = found["facts"].get("run_id")
        found["left_out"] = found["code"] != "host_not_checked"
        found["named"] = named
    return list(alike.values())


FIELDS = {
    "version": lambda: gettext("version"), "batches": lambda: gettext("batches"),
    "threshold": lambda: gettext("failures borne"), "put_back": lambda: gettext("put back"),
    "bake": lambda: gettext("time between batches"), "confirm": lambda: gettext("asked after batches"),
    "approval": lambda: gettext("approval"), "start": lambda: gettext("start"),
    "lock_scope": lambda: gettext("closed to others"), "action": lambda: gettext("action"),
    "service": lambda: gettext("service"),
}  # fmt: skip


def changes(found: Iterable[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """Differences of two plans: (what, was, now)."""
    told = []
    for entry in found:
        name = entry["field"]
        if name == "hosts":
            what = str(entry.get("host"))
        elif name.startswith("settings."):
            what = gettext("setting %(name)s") % {"name": name.removeprefix("settings.")}
        else:
            what = FIELDS[name]() if name in FIELDS else name
        told.append((what, _shown(name, entry.get("was")), _shown(name, entry.get("now"))))
    return told


def _shown(name: str, value: Any) -> str:
    if value is None or value == "" or value == []:
        return gettext("not there") if name == "hosts" else "–"
    if name == "hosts":
        more = " · ".join(
            f"{key} {value[key]}" for key in ("at", "root", "port", "tag", "weight") if value[key]
        )
        return f"{_name(value['from']) or '–'} → {_name(value['to']) or '–'} ({more})"
    if name == "version":
        return f"{value['name']} {value.get('digest', '')[:12]}".strip()
    if name == "approval":
        return _approval(value)
    if name == "start":
        return _start(value)
    if name == "batches":
        return " + ".join(str(size) for size in value)
    return str(value) if not isinstance(value, bool) else (gettext("yes") if value else gettext("no"))
