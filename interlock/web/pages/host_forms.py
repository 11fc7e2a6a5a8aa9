"""The forms of hosts: what is typed, read into what the services take."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from interlock.accounts.caller import Caller
from interlock.fleet import queries, services
from interlock.web.forms import offer

NEW = "new"
VALUE_HELP = _("A private key is pasted whole, without a passphrase. It is kept encrypted and never shown.")
KINDS = [("private_key", _("Private key")), ("password", _("Password"))]
# Which field a refusal of the services is about.
FIELDS = {
    "name_unfit": "name",
    "name_taken": "name",
    "address_unfit": "address",
    "port_unfit": "port",
    "user_unfit": "user",
    "root_too_high": "root",
    "path_unfit": "root",
    "label_unfit": "labels",
    "description_unfit": "description",
    "environment_not_known": "environment",
    "group_not_known": "groups",
    "bastion_loop": "bastion",
    "bastion_not_known": "bastion",
    "credential_not_known": "credential",
    "private_key_unreadable": "credential_value",
    "secret_value_unfit": "credential_value",
    "host_key_unreadable": "host_keys",
}


class HostForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=63, help_text=_("Letters, digits and . _ -"))
    address = forms.CharField(label=_("Address"), max_length=255, help_text=_("Host name or IP address"))
    port = forms.IntegerField(label=_("Port"), initial=22, min_value=1, max_value=65535)
    user = forms.CharField(label=_("User"), max_length=33, initial="root")
    environment = forms.TypedChoiceField(label=_("Environment"), coerce=int)
    groups = forms.TypedMultipleChoiceField(
        label=_("Groups"), coerce=int, required=False, widget=forms.CheckboxSelectMultiple
    )
    labels = forms.CharField(
        label=_("Labels"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "class": "code", "spellcheck": "false"}),
        help_text=_("One name=value a line, such as rack=b2"),
    )
    description = forms.CharField(label=_("Description"), required=False, max_length=256)
    credential = forms.ChoiceField(label=_("Credential"), required=False)
    credential_name = forms.CharField(label=_("Name of the new credential"), required=False, max_length=63)
    credential_kind = forms.ChoiceField(label=_("Kind"), choices=KINDS, required=False)
    credential_value = forms.CharField(
        label=_("Private key or password"),
        required=False,
        strip=False,
        widget=forms.Textarea(
            attrs={"rows": 5, "class": "code", "autocomplete": "off", "spellcheck": "false"}
        ),
        help_text=VALUE_HELP,
    )
    bastion = forms.TypedChoiceField(label=_("Bastion"), coerce=int, empty_value=None, required=False)
    root = forms.CharField(
        label=_("Root"), initial="/srv/interlock", max_length=255, help_text=_("Where releases are laid out")
    )
    state_dir = forms.CharField(
        label=_("State directory"),
        required=False,
        max_length=255,
        help_text=_("Empty: a folder in the user's home. Logs of running steps are kept there."),
    )
    host_keys = forms.CharField(
        label=_("Known host keys"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "class": "code", "spellcheck": "false"}),
        help_text=_(
            "Lines such as “ssh-ed25519 AAAA…”, if you have them already. They are trusted from the start."
        ),
    )

    def __init__(self, *args: Any, by: Caller, host_id: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "environment", queries.environments(by=by).values_list("id", "name"))
        offer(self, "groups", queries.groups(by=by).order_by("name").values_list("id", "name"))
        credentials = queries.credentials(by=by).order_by("name").values_list("id", "name")
        offer(self, "credential", [("", _("none yet")), *credentials, (NEW, _("A new one…"))])
        others = queries.hosts(by=by).exclude(id=host_id or 0).order_by("name").values_list("id", "name")
        offer(self, "bastion", [("", _("none: straight to the host")), *others])
        if host_id is not None:
            del self.fields["host_keys"]

    def clean_labels(self) -> dict[str, str]:
        found = {}
        for line in filter(None, map(str.strip, self.cleaned_data["labels"].splitlines())):
            name, given, value = line.partition("=")
            if not given:
                raise forms.ValidationError(_("“%(line)s” is not name=value."), params={"line": line[:80]})
            found[name.strip()] = value.strip()
        return found

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if found.get("credential") == NEW:
            for name in ("credential_name", "credential_value"):
                if not found.get(name) and name not in self.errors:
                    self.add_error(name, _("A new credential needs this."))
        return found

    def values(self, by: Caller) -> dict[str, Any]:
        """As the services take them; a new credential is made on the way."""
        typed = self.cleaned_data
        return {
            **{name: typed[name] for name in ("name", "address", "port", "user", "root", "state_dir")},
            "labels": typed["labels"],
            "description": typed["description"],
            "environment_id": typed["environment"],
            "group_ids": typed["groups"],
            "bastion_id": typed["bastion"],
            "credential_id": self._credential(by),
        }

    def _credential(self, by: Caller) -> int | None:
        chosen = self.cleaned_data["credential"]
        if chosen != NEW:
            return int(chosen) if chosen else None
        made = services.create_credential(
            by=by,
            name=self.cleaned_data["credential_name"],
            kind=self.cleaned_data["credential_kind"] or "private_key",
            value=self.cleaned_data["credential_value"].replace("\r\n", "\n"),
        )
        return made.id


def initial_of(host: Any) -> dict[str, Any]:
    """What the form of a host that is there begins with."""
    same = ("name", "address", "port", "user", "root", "state_dir", "description")
    return {
        **{name: getattr(host, name) for name in same},
        "environment": host.environment_id,
        "groups": [group.id for group in host.groups.all()],
        "bastion": host.bastion_id or "",
        "credential": host.credential_id or "",
        "labels": "\n".join(f"{name}={value}" for name, value in sorted(host.labels.items())),
    }


def changes_of(host: Any, values: dict[str, Any]) -> dict[str, Any]:
    """Only what differs: another address, port or root has to be checked again, the same one not."""
    now = {name: getattr(host, name) for name in values if name != "group_ids"}
    now["group_ids"] = [group.id for group in host.groups.all()]
    return {
        name: value
        for name, value in values.items()
        if (sorted(value) != sorted(now[name]) if name == "group_ids" else value != now[name])
    }
