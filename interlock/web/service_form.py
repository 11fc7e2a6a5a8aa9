"""The form of a service: what it is, where it is built from, and how it is started and kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from interlock.catalog.queries import ServiceRow
from interlock.catalog.settings import ServiceSettings
from interlock.lifecycle.refused import Refused
from interlock.web import labels
from interlock.web.forms import refuse

DEFAULTS = ServiceSettings()
FACTS = ("language", "description", "build_source", "build_url", "lock_scope")
FIELDS = {  # code of a refusal -> field, where its facts do not name one
    "service_name_unfit": "name",
    "service_name_taken": "name",
    "build_url_unfit": "build_url",
    "build_url_scheme": "build_url",
    "build_url_has_secret": "build_url",
    "service_at_work": "lock_scope",
}


def _script(label: Any, help_text: Any = "") -> forms.CharField:
    looks = {"rows": 4, "class": "code", "spellcheck": "false", "autocapitalize": "none"}
    return forms.CharField(
        label=label, help_text=help_text, required=False, strip=False, widget=forms.Textarea(attrs=looks)
    )


def _number(name: str, label: Any, help_text: Any = "", most: int = 3600) -> forms.IntegerField:
    return forms.IntegerField(
        label=label, help_text=help_text, min_value=1, max_value=most, initial=getattr(DEFAULTS, name)
    )


class ServiceForm(forms.Form):
    language = forms.ChoiceField(label=_("Language"), choices=list(labels.LANGUAGES.items()))
    description = forms.CharField(label=_("Description"), required=False, max_length=256)
    build_source = forms.ChoiceField(label=_("Built from"), choices=[])
    build_url = forms.CharField(
        label=_("Address of the source"), required=False, max_length=255, strip=True,
        help_text=_("For git: https://, ssh:// or user@host:path, without a password in it."),
    )  # fmt: skip
    lock_scope = forms.ChoiceField(
        label=_("While a release is at work"), choices=list(labels.LOCK_SCOPES.items()), initial="service"
    )
    port = forms.IntegerField(
        label=_("Port"), required=False, min_value=1, max_value=65535,
        help_text=_("Handed to the scripts as INTERLOCK_PORT; an instance may have one of its own."),
    )  # fmt: skip
    keep_versions = _number("keep_versions", _("Versions kept on a host"), most=100)
    unit = forms.CharField(
        label=_("systemd unit"), required=False, max_length=128,
        help_text=_("Started, stopped and asked for its health where there is no script for it below."),
    )  # fmt: skip
    start = _script(_("Start"), _("POSIX sh. Empty: the script that the package brings (interlock/start)."))
    stop = _script(_("Stop"))
    health = _script(_("Health"), _("Ends with 0 when the service is well; asked again until it is."))
    before_switch = _script(_("Before the switch"), _("While the old version still runs."))
    after_switch = _script(_("After the switch"), _("Once the new version has been started."))
    health_timeout = _number("health_timeout", _("Health: give up after (s)"))
    health_interval = _number("health_interval", _("Health: ask every (s)"), most=600)
    stop_timeout = _number("stop_timeout", _("Stop: give up after (s)"))
    build_script = _script(_("Build script"), _("Runs in a fresh clone. Empty: nothing is built."))
    build_timeout = _number("build_timeout", _("Build: give up after (s)"), most=24 * 3600)
    package_path = forms.CharField(
        label=_("What is packed"), required=False, widget=forms.Textarea(attrs={"rows": 2, "class": "code"}),
        help_text=_("Empty: the whole tree. A folder: what is in it. Or file patterns, one a line."),
    )  # fmt: skip
    version_rule = forms.ChoiceField(
        label=_("Names of versions"), choices=list(labels.VERSION_RULES.items()), initial="default"
    )

    def __init__(self, *given: Any, source: str = "", **more: Any) -> None:
        """``source``: what the service has now; others than git and upload are not offered to new ones."""
        super().__init__(*given, **more)
        field = self.fields["build_source"]
        assert isinstance(field, forms.ChoiceField)
        offered = dict.fromkeys(("git", "upload", *([source] if source else [])))
        field.choices = [(name, labels.SOURCES[name]) for name in offered]

    @property
    def parts(self) -> list[tuple[Any, list[Any]]]:
        return [(title, [self[name] for name in names if name in self.fields]) for title, names in PARTS]

    @property
    def facts(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in FACTS}

    @property
    def settings(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ServiceSettings.model_fields}

    def refuse(self, error: Refused) -> None:
        named = error.facts.get("setting") or error.facts.get("field")
        refuse(self, error, {error.code: str(named)} if named else FIELDS)


class NewServiceForm(ServiceForm):
    field_order = ("project_id", "name")
    project_id = forms.TypedChoiceField(label=_("Project"), coerce=int)
    name = forms.CharField(
        label=_("Name"), max_length=63,
        help_text=_("Small letters, digits and -. It names directories on hosts and cannot change later."),
    )  # fmt: skip

    def __init__(self, *given: Any, projects: Sequence[tuple[int, str]], **more: Any) -> None:
        super().__init__(*given, **more)
        project = self.fields["project_id"]
        assert isinstance(project, forms.TypedChoiceField)
        project.choices = list(projects)


PARTS: list[tuple[Any, list[str]]] = [
    (_("The service"), ["project_id", "name", "language", "description", "lock_scope"]),
    (_("Build"), ["build_source", "build_url", "version_rule", "build_timeout", "build_script",
                  "package_path"]),
    (_("On the hosts"), ["port", "keep_versions", "unit", "start", "stop", "health", "health_timeout",
                         "health_interval", "stop_timeout", "before_switch", "after_switch"]),
]  # fmt: skip


def values_of(row: ServiceRow) -> Mapping[str, Any]:
    return {**{name: getattr(row, name) for name in FACTS}, **row.settings.model_dump()}
