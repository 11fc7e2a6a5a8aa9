"""The forms of tasks: each parameter as the field that it is, and hosts by what they have in common."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from interlock.accounts.caller import Caller
from interlock.fleet import queries as fleet
from interlock.lifecycle.refused import Unfit
from interlock.lifecycle.template.parameters import Parameter
from interlock.lifecycle.template.template import Template
from interlock.vault.queries import secrets
from interlock.web.forms import offer
from interlock.words import sentence

VALUE = "value_"  # before the name of a parameter
HOST_FIELDS = {"environment", "groups", "labels", "names"}
WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


class OpenText(forms.CharField):
    """Marked as required, and left to the service: it tells what is missing with all else that is wrong."""

    def validate(self, value: Any) -> None:
        pass


class OpenChoice(forms.ChoiceField):
    def validate(self, value: Any) -> None:
        if value:
            super().validate(value)


class HostsForm(forms.Form):
    """Which hosts: each field that is filled narrows; none at all means all of the project's."""

    environment = forms.ChoiceField(label=_("Environment"), required=False)
    groups = forms.MultipleChoiceField(label=_("Groups"), required=False, widget=forms.CheckboxSelectMultiple)
    labels = forms.CharField(
        label=_("Labels"), required=False, max_length=2000, help_text=_("name=value, split by spaces")
    )
    names = forms.CharField(
        label=_("Hosts by name"),
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text=_("Split by spaces. Nothing here and above: all hosts that the project may use."),
    )

    asks = True  # for what is required: a run has to have it, a task may leave it open

    def __init__(self, *args: Any, by: Caller, template: Template, project_id: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.template = template
        places = list(fleet.environments(by=by).values_list("name", "name"))
        offer(self, "environment", [("", _("all environments")), *places])
        offer(self, "groups", fleet.groups(by=by).order_by("name").values_list("name", "name"))
        if not template.needs_hosts:
            for name in HOST_FIELDS:
                del self.fields[name]
        # Who may only run it does not see what secrets there are, and types the name.
        known = list(secrets(by=by, project_id=project_id).order_by("name").values_list("name", flat=True))
        for parameter in template.parameters:
            self.fields[VALUE + parameter.name] = _field(parameter, known, parameter.required and self.asks)

    def clean_labels(self) -> dict[str, str]:
        found = {}
        for word in self.cleaned_data["labels"].split():
            name, given, value = word.partition("=")
            if not given:
                raise forms.ValidationError(_("“%(line)s” is not name=value."), params={"line": word[:80]})
            found[name] = value
        return found

    def values(self) -> dict[str, Any]:
        """By parameter; what is empty says so, and the template's default stands in for it."""
        found: dict[str, Any] = {}
        for parameter in self.template.parameters:
            typed = self.cleaned_data[VALUE + parameter.name]
            if parameter.type == "integer" and WHOLE.fullmatch(typed.strip()):
                typed = int(typed)
            elif parameter.type == "boolean":
                typed = {"yes": True, "no": False}.get(typed)
            found[parameter.name] = typed
        return found

    def selector(self, former: Mapping[str, Any] | None = None) -> Mapping[str, Any] | None:
        """``former`` stays as it is where nobody touched the fields: it may say more than they can."""
        if not self.template.needs_hosts:
            return None
        if former is not None and not HOST_FIELDS & set(self.changed_data):
            return former
        typed = self.cleaned_data
        given = {
            "environment": typed["environment"],
            "groups": typed["groups"],
            "labels": typed["labels"],
            "names": typed["names"].split(),
        }
        return {name: value for name, value in given.items() if value} or {"all": True}

    def refuse_values(self, error: Unfit) -> None:
        """Each fault at its field, all of them at once."""
        for fault in error.faults:
            name = VALUE + str(fault.path[0]) if fault.path else ""
            self.add_error(name if name in self.fields else None, sentence(fault.code, fault.facts))

    @property
    def parameter_fields(self) -> list[Any]:
        return [self[name] for name in self.fields if name.startswith(VALUE)]


class TaskForm(HostsForm):
    asks = False

    name = forms.CharField(label=_("Name"), max_length=100)
    description = forms.CharField(label=_("Description"), required=False, max_length=256)

    def values(self) -> dict[str, Any]:
        """Only what was given: the rest can come with each run."""
        return {name: value for name, value in super().values().items() if value not in (None, "")}


def _field(parameter: Parameter, known_secrets: list[str], required: bool) -> forms.Field:
    language = "zh" if (get_language() or "").startswith("zh") else "en"
    help_text = parameter.help.get(language) or next(iter(parameter.help.values()), "")
    plain: dict[str, Any] = {"label": parameter.name, "required": required, "help_text": help_text}
    empty: object = _("required, chosen with each run") if parameter.required else _("not given")
    if parameter.default is not None:
        empty = _("as the template says: %(value)s") % {"value": _told(parameter.default)}
    field: forms.Field
    if parameter.type == "boolean":
        field = OpenChoice(choices=[("", empty), ("yes", _("yes")), ("no", _("no"))], **plain)
    elif parameter.type == "choice":
        field = OpenChoice(choices=[("", empty), *((one, one) for one in parameter.choices)], **plain)
    elif parameter.type == "secret" and known_secrets:
        names = sorted({*known_secrets, *([str(parameter.default)] if parameter.default else [])})
        field = OpenChoice(choices=[("", empty), *((one, one) for one in names)], **plain)
    else:
        field = OpenText(max_length=8192, strip=False, **plain)
        if parameter.default is not None:
            field.widget.attrs["placeholder"] = _told(parameter.default)
        if parameter.type == "integer":
            field.widget.attrs["inputmode"] = "numeric"
    return field


def _told(value: object) -> str:
    if isinstance(value, bool):
        return str(_("yes")) if value else str(_("no"))
    return str(value)


def initial_of(values: Mapping[str, Any], hosts: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the form of a task begins with."""
    shown = {True: "yes", False: "no"}
    selector = hosts or {}
    return {
        **{VALUE + n: shown[v] if isinstance(v, bool) else v for n, v in values.items()},
        "environment": selector.get("environment", ""),
        "groups": selector.get("groups", []),
        "labels": " ".join(f"{name}={value}" for name, value in (selector.get("labels") or {}).items()),
        "names": " ".join(selector.get("names", [])),
    }
