"""The forms of channels and subscriptions. An address goes in and is never drawn again."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from interlock.accounts.caller import Caller
from interlock.accounts.queries import projects
from interlock.accounts.rights import may
from interlock.catalog.queries import services
from interlock.notify.addresses import SIGNED
from interlock.notify.services import UNSET
from interlock.runs.template_queries import tasks
from interlock.web.channel_words import EVENTS, KINDS, OFFERED
from interlock.web.forms import offer

OFFERED_MOST = 200  # services and tasks to choose from
FIELDS = {
    "title_unfit": "name",
    "name_taken": "name",
    "channel_kind_not_known": "kind",
    "channel_address_unfit": "secret_address",
    "channel_address_unread": "secret_address",
    "signing_key_unfit": "secret_signing_key",
    "signing_key_not_of_kind": "secret_signing_key",
    "recipients_unfit": "recipients",
    "mail_address_unfit": "recipients",
}


class Unshown(forms.PasswordInput):
    """Read while it is typed, and never drawn with what was typed."""

    input_type = "text"


def _hidden(label: Any, **more: Any) -> forms.CharField:
    widget = Unshown(attrs={"autocomplete": "off", "spellcheck": "false", "class": "code"})
    return forms.CharField(label=label, widget=widget, max_length=2000, **more)


class ChannelForm(forms.Form):
    """Names with ``secret`` in them are not kept when a session ends while it is written."""

    name = forms.CharField(label=_("Name"), max_length=100)
    secret_address = _hidden(
        _("Address"), help_text=_("With its token. Kept encrypted; nobody can read it here again.")
    )
    secret_signing_key = _hidden(_("Key to sign with"), required=False)
    sender = forms.CharField(label=_("Sender"), required=False, max_length=254)
    recipients = forms.CharField(
        label=_("Recipients"),
        required=False,
        max_length=15_000,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text=_("Mail addresses, split by spaces"),
    )
    language = forms.ChoiceField(label=_("Language"), choices=[("en", "English"), ("zh-hans", "简体中文")])

    def __init__(self, *args: Any, kind: str = "", **kwargs: Any) -> None:
        """``kind``: of a channel that is there; what it has stays where nothing is given."""
        super().__init__(*args, **kwargs)
        self.of_kind = kind
        if kind:
            self.fields["secret_address"].required = False
            for name in ("secret_address", "secret_signing_key"):
                self.fields[name].help_text = _("Leave it empty to keep the one it has. It is not shown.")

    def told(self) -> dict[str, Any]:
        """What was hidden for this kind is not meant."""
        typed = self.cleaned_data
        kind, mail = self.of_kind or typed["kind"], {"sender": "", "recipients": []}
        if kind == "mail":
            mail = {"sender": typed["sender"], "recipients": typed["recipients"].split()}
        return {"name": typed["name"], "language": typed["language"], **mail}

    def changes(self) -> dict[str, Any]:
        typed = self.cleaned_data
        key = typed["secret_signing_key"] if self.of_kind in SIGNED else ""
        return self.told() | {"address": typed["secret_address"] or None, "signing_key": key or UNSET}


class NewChannelForm(ChannelForm):
    project = forms.TypedChoiceField(
        label=_("Project"), coerce=int, empty_value=None, required=False, help_text=_("Who may use it")
    )
    kind = forms.ChoiceField(label=_("Kind"), initial="dingtalk")

    field_order = ["project", "kind", "name"]

    def __init__(self, *args: Any, by: Caller, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        platform = may(by, "platform")
        mine = [(row.id, row.name) for row in configured(by)]
        offer(self, "project", [*([("", _("all projects"))] if platform else []), *mine])
        # Without a choice for the platform nothing chosen is a fault of the form.
        self.fields["project"].required = not platform
        offer(self, "kind", [pair for pair in KINDS.items() if platform or pair[0] != "apprise"])

    def asked(self) -> dict[str, Any]:
        typed = self.cleaned_data
        return self.told() | {
            "kind": typed["kind"],
            "project_id": typed["project"],
            "address": typed["secret_address"],
            "signing_key": typed["secret_signing_key"] if typed["kind"] in SIGNED else "",
        }


def configured(by: Caller) -> list[Any]:
    return [row for row in projects(by=by).order_by("name")[:500] if may(by, "configure", row.id)]


class SubscriptionForm(forms.Form):
    """``of``: everything, a project, or one service or task, as ``task:7``."""

    of = forms.ChoiceField(label=_("Of what"))
    events = forms.MultipleChoiceField(
        label=_("Events"),
        choices=[(name, EVENTS[name]) for name in OFFERED],
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, by: Caller, project_id: int | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.subjects: dict[str, dict[str, int]] = {}
        choices: list[Any] = []
        if project_id is None and may(by, "platform"):
            self.subjects["all"] = {}
            choices.append(("all", _("all projects")))
        for row in configured(by):
            if project_id in (None, row.id):
                self.subjects[f"project:{row.id}"] = {"project_id": row.id}
                choices.append((f"project:{row.id}", row.name))
        within = {"by": by} if project_id is None else {"by": by, "project_id": project_id}
        found = services(**within, limit=OFFERED_MOST)
        choices.append((_("Services"), self._those("service", found)))
        choices.append((_("Tasks"), self._those("task", tasks(**within).order_by("name")[:OFFERED_MOST])))
        offer(self, "of", [one for one in choices if one[1]])

    def _those(self, kind: str, rows: Any) -> list[tuple[str, str]]:
        offered = []
        for row in rows:
            if f"project:{row.project_id}" in self.subjects:
                self.subjects[f"{kind}:{row.id}"] = {"project_id": row.project_id, f"{kind}_id": row.id}
                offered.append((f"{kind}:{row.id}", row.name))
        return offered

    def asked(self) -> dict[str, Any]:
        return {"events": self.cleaned_data["events"], **self.subjects[self.cleaned_data["of"]]}
