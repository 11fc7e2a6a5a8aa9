"""The form of a release, and the request that it says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from interlock.lifecycle.refused import Refused, invalid
from interlock.web import labels
from interlock.web.forms import refuse
from interlock.web.reading import number

ONE_BY_ONE_MOST = 100  # batches in a request

PRESETS: dict[str, tuple[labels.Label, list[str] | None]] = {
    "usual": (_("As the environment has it"), None),
    "all": (_("All at once"), ["100%"]),
    "one": (_("One by one"), []),
    "canary": (_("One first, then the rest"), ["1", "100%"]),
    "steps": (_("1, then 10%, then all"), ["1", "10%", "100%"]),
    "own": (_("Own"), []),
}
CONFIRMS: dict[str, labels.Label] = {
    "none": _("Never, go on by itself"),
    "first": _("After the first batch"),
    "every": _("After every batch"),
    "own": _("After certain batches"),
}
HOSTS_BY: dict[str, labels.Label] = {
    "all": _("All"), "where": _("By place"), "chosen": _("Chosen hosts"),
}  # fmt: skip
STARTS: dict[str, labels.Label] = {
    "auto": _("At once"), "manual": _("By hand"), "at": _("At a time"),
}  # fmt: skip
ON_DEADLINE: dict[str, labels.Label] = {"reject": _("reject it"), "approve": _("approve it")}
# Where a refusal belongs, by its code or by the field of the request that it names.
PLACES = {
    "version_missing": "version_id", "version_not_successful": "version_id",
    "version_not_known": "version_id",
    "version_of_other_service": "version_id", "not_on_from_version": "from_version_id",
    "hosts_missing": "hosts_by", "host_not_known": "hosts_by", "group_not_known": "group",
    "not_deployed": "hosts_by", "host_label_unfit": "label",
    "already_there": "skip", "version_not_newer": "skip", "version_not_older": "skip",
    "already_deployed": "skip", "instance_held": "skip_locked",
    "batches_unreadable": "batches_own", "batches_not_rising": "batches_own",
    "too_many_batches": "batches", "confirm_beyond_batches": "confirm_own", "confirm_unfit": "confirm_own",
    "start_at_missing": "start_at", "start_at_past": "start_at", "time_without_zone": "start_at",
}  # fmt: skip
NAMED = {"batches": "batches_own", "approval": "quorum", "hosts": "hosts_by", "version": "version_id"}


def _choice(choices: Mapping[str, Any], label: Any) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=list(choices.items()), widget=forms.RadioSelect)


def _whole(label: Any, least: int, most: int, help_text: Any = "") -> forms.IntegerField:
    return forms.IntegerField(
        label=label, min_value=least, max_value=most, required=False, help_text=help_text
    )


class ReleaseForm(forms.Form):
    action = _choice(labels.ACTIONS, _("Action"))
    version_id = forms.CharField(label=_("Version"), required=False)
    from_version_id = forms.CharField(
        label=_("From version"), required=False, help_text=_("Only instances that are on it now.")
    )
    hosts_by = _choice(HOSTS_BY, _("Hosts"))
    group = forms.CharField(label=_("Host group"), required=False, max_length=64)
    environment = forms.CharField(label=_("Environment"), required=False, max_length=64)
    label = forms.CharField(label=_("Label"), required=False, max_length=257, help_text=_("name=value"))
    host_search = forms.CharField(required=False, max_length=64)
    skip = forms.BooleanField(
        label=_("Leave out what is there already, or on the wrong side"), required=False
    )
    skip_locked = forms.BooleanField(
        label=_("Leave out instances that somebody else has locked"), required=False
    )
    batches = _choice({name: word for name, (word, _x) in PRESETS.items()}, _("Batches"))
    batches_own = forms.CharField(
        label=_("Own batches"),
        required=False,
        max_length=400,
        help_text=_("Rising totals, such as 1, 10%, 100%"),
    )
    threshold = _whole(_("Failed hosts allowed"), 0, 2000, _("Past that the run waits for a person."))
    bake = _whole(_("Minutes between batches"), 0, 7 * 24 * 60, _("Time for a batch to prove itself."))
    confirm = _choice(CONFIRMS, _("Ask a person to go on"))
    confirm_own = forms.CharField(
        label=_("Numbers of batches"), required=False, max_length=200, help_text=_("Such as 1, 3")
    )
    put_back = forms.BooleanField(label=_("Put a failing host back to its former version"), required=False)
    ask = forms.BooleanField(label=_("Ask for approval before the start"), required=False)
    quorum = _whole(_("Approvals needed"), 1, 20)
    not_requester = forms.BooleanField(label=_("Not by who asks for it"), required=False)
    deadline = _whole(_("Wait at most (hours)"), 1, 30 * 24, _("Empty: for ever"))
    on_deadline = _choice(ON_DEADLINE, _("Then"))
    start = _choice(STARTS, _("Start"))
    start_at = forms.CharField(label=_("Time"), required=False, max_length=30)
    zone = forms.CharField(required=False, max_length=64)
    port = _whole(_("Port"), 1, 65535)
    tag = forms.CharField(label=_("Tag"), required=False, max_length=64)
    weight = _whole(_("Weight"), 0, 65535)
    note = forms.CharField(label=_("Note"), required=False, max_length=256)

    def request(self, service_id: int) -> dict[str, Any]:
        """What is asked for, as a release request; what depends on the number of hosts comes later."""
        given = self.cleaned_data
        action = given["action"]
        asked: dict[str, Any] = {
            "service": service_id, "action": action, "hosts": self._hosts(), "skip": given["skip"],
            "skip_locked": given["skip_locked"], "threshold": given["threshold"] or 0,
            "bake": (given["bake"] or 0) * 60, "put_back": given["put_back"], "start": given["start"],
            "note": given["note"], "approval": self._approval(), "batches": self._batches(),
        }  # fmt: skip
        if action != "delete":
            asked["version"] = number(given["version_id"])
        if action != "deploy" and given["from_version_id"]:
            asked["from_version"] = number(given["from_version_id"])
        if given["start"] == "at":
            asked["start_at"] = self._start_at()
        if action == "deploy":
            asked |= {"port": given["port"], "weight": given["weight"], "tag": given["tag"] or None}
        return asked

    def _hosts(self) -> Any:
        given = self.cleaned_data
        if given["hosts_by"] == "all":
            return "all"
        if given["hosts_by"] == "chosen":
            return self.chosen
        asked: dict[str, Any] = {}
        if given["group"]:
            asked["groups"] = [given["group"]]
        if given["environment"]:
            asked["environment"] = given["environment"]
        if given["label"]:
            name, equals, value = given["label"].partition("=")
            if not (equals and name.strip() and value.strip()):
                raise invalid("host_label_unfit", label=given["label"])
            asked["labels"] = {name.strip(): value.strip()}
        return asked

    @property
    def chosen(self) -> list[int]:
        assert isinstance(self.data, QueryDict)
        return [id for text in self.data.getlist("host") if (id := number(text))]

    @property
    def people(self) -> list[str]:
        assert isinstance(self.data, QueryDict)
        return [name for name in self.data.getlist("people") if name][:100]

    def _batches(self) -> list[str] | None:
        preset = self.cleaned_data["batches"]
        if preset == "own":
            return [part.strip() for part in self.cleaned_data["batches_own"].split(",") if part.strip()] or [
                ""
            ]
        return None if preset == "one" else PRESETS[preset][1]

    def _approval(self) -> dict[str, Any] | None:
        given = self.cleaned_data
        if not given["ask"]:
            return None
        hours = given["deadline"]
        return {
            "quorum": given["quorum"] or 1, "people": self.people, "not_requester": given["not_requester"],
            "on_deadline": given["on_deadline"] if hours else "reject",
            "deadline": hours * 3600 if hours else None,
        }  # fmt: skip

    def _start_at(self) -> datetime:
        try:
            typed = datetime.fromisoformat(self.cleaned_data["start_at"])
            zone = ZoneInfo(self.cleaned_data["zone"] or "UTC")
        except (ValueError, OSError, KeyError):
            raise invalid("start_at_missing") from None
        return typed if typed.tzinfo else typed.replace(tzinfo=zone).astimezone(UTC)

    def depending(self, hosts: int, batches: int) -> dict[str, Any]:
        """What can only be said once it is known how many hosts and batches there are."""
        found: dict[str, Any] = {}
        if self.cleaned_data["batches"] == "one":
            if hosts > ONE_BY_ONE_MOST:
                raise invalid("too_many_batches", hosts=hosts, most=ONE_BY_ONE_MOST)
            found["batches"], batches = [str(total) for total in range(1, hosts + 1)], hosts
        match self.cleaned_data["confirm"]:
            case "first":
                found["confirm"] = [0][: batches - 1]
            case "every":
                found["confirm"] = list(range(batches - 1))
            case "own":
                found["confirm"] = self._confirm_own(batches)
        return found

    def _confirm_own(self, batches: int) -> list[int]:
        parts = [part.strip() for part in self.cleaned_data["confirm_own"].split(",") if part.strip()]
        numbers = [number(part) for part in parts]
        if not numbers or None in numbers:
            raise invalid("confirm_unfit")
        beyond = [n for n in numbers if n is not None and n >= batches]
        if beyond:
            raise invalid("confirm_beyond_batches", batch=max(beyond), batches=batches)
        return sorted({n - 1 for n in numbers if n is not None})

    def refuse(self, error: Refused) -> None:
        place = PLACES.get(error.code)
        if error.code == "request_unfit":
            first = str(error.facts.get("field", "")).split(".")[0]
            place = NAMED.get(first, first)
        refuse(self, error, {error.code: place} if place else None)


def typed(asked: Mapping[str, Any] | None = None, **more: Any) -> QueryDict:
    """The form as it is filled in for a request, or for none."""
    asked = asked or {}
    data = QueryDict(mutable=True)
    data.update(_plain(asked) | {name: str(value) for name, value in more.items() if value})
    hosts = asked.get("hosts", "all")
    if isinstance(hosts, list):
        data.setlist("host", [str(host) for host in hosts])
        data["hosts_by"] = "chosen"
    elif isinstance(hosts, Mapping):
        data["hosts_by"] = "where"
        data["group"] = next(iter(hosts.get("groups") or []), "")
        data["environment"] = hosts.get("environment") or ""
        data["label"] = next((f"{k}={v}" for k, v in (hosts.get("labels") or {}).items()), "")
    approval = asked.get("approval")
    data["not_requester"] = "on"
    if approval:
        data["ask"], data["quorum"] = "on", str(approval.get("quorum", 1))
        data["on_deadline"] = approval.get("on_deadline", "reject")
        data["deadline"] = str(approval["deadline"] // 3600) if approval.get("deadline") else ""
        data.setlist("people", approval.get("people") or [])
        if not approval.get("not_requester", True):
            del data["not_requester"]
    for name, default in (("put_back", True), ("skip", False), ("skip_locked", False)):
        if asked.get(name, default):
            data[name] = "on"
    return data


def _plain(asked: Mapping[str, Any]) -> dict[str, str]:
    batches, confirm = asked.get("batches"), asked.get("confirm") or []
    preset = next((name for name, (_w, value) in PRESETS.items() if value == batches and value != []), "own")
    return {
        "action": str(asked.get("action", "upgrade")),
        "version_id": str(asked.get("version") or ""),
        "from_version_id": str(asked.get("from_version") or ""),
        "hosts_by": "all",
        "batches": preset,
        "batches_own": ", ".join(batches or []),
        "threshold": str(asked.get("threshold", 0)),
        "bake": str(asked.get("bake", 0) // 60),
        "confirm": "own" if confirm else "none",
        "confirm_own": ", ".join(str(batch + 1) for batch in confirm),
        "quorum": "1",
        "on_deadline": "reject",
        "start": str(asked.get("start", "auto")),
        "start_at": str(asked.get("start_at") or "")[:16],
        "zone": "UTC",
        "port": str(asked.get("port") or ""),
        "tag": asked.get("tag") or "",
        "weight": "" if asked.get("weight") is None else str(asked["weight"]),
        "note": asked.get("note", ""),
    }
