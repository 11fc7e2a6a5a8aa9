"""The form of schedules: when, what goes over the task's own, and what to do about times that were missed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext_lazy as _

from interlock.accounts.caller import Caller
from interlock.lifecycle.refused import Unfit
from interlock.runs import schedule_queries as queries
from interlock.web.labels import MISFIRES, OVERLAPS
from interlock.web.pages.task_forms import HOST_FIELDS, VALUE, HostsForm, OpenChoice, initial_of
from interlock.words import sentence

MOMENTS = ("at", "starts_at", "ends_at")
POLICIES = ("misfire", "grace", "overlap")


class ZoneTime(forms.DateTimeField):
    """What a clock of the schedule's zone shows; the services put it into UTC."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"})

    def to_python(self, value: Any) -> datetime | None:
        if value in self.empty_values:
            return None
        try:
            return datetime.fromisoformat(str(value).strip())
        except ValueError:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from None


class TimingForm(forms.Form):
    kind = forms.ChoiceField(
        label=_("When"),
        choices=[("cron", _("again and again")), ("once", _("once"))],
        widget=forms.RadioSelect,
        initial="cron",
    )
    at = ZoneTime(label=_("At"), required=False)
    cron = forms.CharField(
        label=_("Expression"),
        required=False,
        max_length=200,
        widget=forms.TextInput(
            attrs={"class": "input code", "spellcheck": "false", "placeholder": "0 9 * * 1-5"}
        ),
        help_text=_("Minute, hour, day of month, month, day of week: */15, 1-5, MON, L for the last day"),
    )
    zone = forms.CharField(
        label=_("Time zone"),
        max_length=64,
        initial="UTC",
        widget=forms.TextInput(attrs={"list": "zones", "spellcheck": "false", "autocomplete": "off"}),
    )
    starts_at = ZoneTime(label=_("Not before"), required=False)
    ends_at = ZoneTime(label=_("Not after"), required=False)

    def timing(self) -> dict[str, Any]:
        """What does not belong to the kind was hidden, and is not meant."""
        typed = {name: self.cleaned_data[name] for name in ("kind", "zone", "cron", *MOMENTS)}
        if typed["kind"] == "once":
            return typed | {"cron": "", "starts_at": None, "ends_at": None}
        return typed | {"at": None}


def preview_of(form: TimingForm) -> dict[str, Any]:
    """The next times of what the form says so far, or why there are none."""
    if not form.is_valid():
        return {"faults": [str(line) for lines in form.errors.values() for line in lines]}
    timing = form.timing()
    if not timing["cron"] and timing["at"] is None:
        return {}  # nothing to say about yet
    try:
        return {"times": queries.preview_times(**timing)}
    except Unfit as error:
        return {"faults": [sentence(fault.code, fault.facts) for fault in error.faults]}


class ScheduleForm(TimingForm, HostsForm):
    asks = False

    name = forms.CharField(label=_("Name"), max_length=100)
    misfire = forms.ChoiceField(
        label=_("When its time was missed"),
        choices=list(MISFIRES.items()),
        help_text=_("Missed means that nothing was at work here at that time."),
    )
    grace = forms.IntegerField(
        label=_("Late by at most, in seconds"),
        initial=300,
        help_text=_("Up to here it still runs; later it counts as missed."),
    )
    overlap = forms.ChoiceField(
        label=_("When its last run is still open"),
        choices=list(OVERLAPS.items()),
        help_text=_("A run that waits for a person is open, too. At most one waits."),
    )

    def __init__(self, *args: Any, by: Caller, task: Any, **kwargs: Any) -> None:
        super().__init__(*args, by=by, project_id=task.project_id, **kwargs)
        for parameter in self.template.parameters:
            self._open(self.fields[VALUE + parameter.name], task.values.get(parameter.name))
        if "names" in self.fields:
            self.fields["names"].help_text = _("Split by spaces. Nothing here and above: the task's hosts.")

    @staticmethod
    def _open(field: forms.Field, given: Any) -> None:
        """Left empty it stays as the task has it."""
        field.required = False
        empty = _("as the task says: %(value)s") % {"value": given} if given is not None else None
        empty = empty or str(_("as the task says"))
        if isinstance(field, OpenChoice):
            offered: Any = field.choices
            field.choices = [("", empty), *list(offered)[1:]]
        else:
            field.widget.attrs["placeholder"] = empty

    def values(self) -> dict[str, Any]:
        """Only what goes over the task's own."""
        return {name: value for name, value in super().values().items() if value not in ("", None)}

    def selector(self, former: Mapping[str, Any] | None = None) -> Mapping[str, Any] | None:
        """Nothing given: those of the task."""
        if former is not None and not HOST_FIELDS & set(self.changed_data):
            return former
        found = super().selector()
        return None if found == {"all": True} else found

    def refuse_values(self, error: Unfit) -> None:
        for fault in error.faults:
            of_value = len(fault.path) > 1 and fault.path[0] == "values"
            name = VALUE + str(fault.path[1]) if of_value else str(fault.path[0]) if fault.path else ""
            self.add_error(name if name in self.fields else None, sentence(fault.code, fault.facts))

    def asked(self) -> dict[str, Any]:
        typed = self.cleaned_data
        return {
            "name": typed["name"],
            **self.timing(),
            **{name: typed[name] for name in POLICIES},
            "values": self.values(),
        }

    def changes(self, former: Any) -> dict[str, Any]:
        """Moments that nobody touched stay: which of two equal hours was meant, their text does not say."""
        asked = self.asked() | {"hosts": self.selector(former.hosts)}
        if not {"zone", "kind"} & set(self.changed_data):
            for name in set(MOMENTS) - set(self.changed_data):
                asked.pop(name)
        return asked


def initial_of_schedule(row: Any) -> dict[str, Any]:
    zone = ZoneInfo(row.zone)
    moments = {name: _local(getattr(row, name), zone) for name in MOMENTS}
    same = {name: getattr(row, name) for name in ("name", "kind", "cron", "zone", *POLICIES)}
    return {**initial_of(row.values, row.hosts), **same, **moments}


def _local(moment: datetime | None, zone: ZoneInfo) -> str:
    if moment is None:
        return ""
    local = moment.astimezone(zone).replace(tzinfo=None)
    return local.isoformat(timespec="seconds" if local.second else "minutes")
