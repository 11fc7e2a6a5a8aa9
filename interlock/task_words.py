"""Codes to sentences: what templates, tasks and schedules refuse and tell. Part of the table in ``words``."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

TASK_SENTENCES: dict[str, Promise | str] = {
    "key_mistaken": _("“%(key)s” is not known here. Did you mean “%(meant)s”?"),
    "key_not_known": _("“%(key)s” is not known here. Known are: %(known)s."),
    "key_twice": _("“%(key)s” stands here twice; the first is on line %(line)s."),
    "key_not_a_word": _("A name has to be a plain word, not a list, a mapping or an alias."),
    "param_not_text": _(
        "“%(param)s” must be text of 1 to %(limit)s characters. Put numbers, true and false into quotes."
    ),
    "param_not_whole": _("“%(param)s” must be a whole number from %(least)s to %(most)s."),
    "param_not_a_flag": _("“%(param)s” must be true or false."),
    "template_not_a_mapping": _("A template is a mapping with “stages”; begin with that."),
    "template_too_long": _("A template has %(limit)s characters and %(lines)s lines at most."),
    "template_too_large": _("A template has %(limit)s values at most, aliases counted as often as used."),
    "template_too_deep": _("This nests deeper than %(levels)s levels."),
    "yaml_unprintable": _("The character %(character)s cannot be in a template."),
    "yaml_tab": _("YAML is indented with spaces. Replace the tab."),
    "yaml_unreadable": _("This is not YAML (%(problem)s). Look at the indentation, colons and quotes here."),
    "yaml_second_document": _("A template is one document; leave out what begins here."),
    "yaml_tag": _("Tags such as %(tag)s are not taken here."),
    "alias_not_known": _("There is no anchor “%(alias)s” before this alias."),
    "number_too_long": _("“%(value)s” has more digits than can be kept. Put it into quotes."),
    "pattern_unreadable": _("“%(param)s” is not a regular expression that is understood here (%(problem)s)."),
    "parameter_name_unfit": _(
        "“%(name)s” cannot name a parameter. Use a-z, 0-9 and _, 48 at most, beginning with a letter."
    ),
    "parameter_twice": _("There is a parameter “%(name)s” already."),
    "not_of_this_type": _("“%(key)s” means nothing for a parameter of type %(type)s."),
    "required_has_default": _(
        "“%(name)s” is required, so its default would never be used. Leave out one of the two."
    ),
    "stage_unfit": _("A stage is a step with name and kind, a “parallel” group, or a “rollout”."),
    "variable_mistaken": _("No parameter is handed over as %(variable)s. Did you mean %(meant)s?"),
    "variable_not_declared": _("No parameter is handed over as %(variable)s. Declare it under “parameters”."),
    "template_unfit": _(
        "The template has %(count)s faults, the first on line %(line)s; “errors” has them all."
    ),
    "template_not_known": _("There is no template %(template_id)s."),
    "template_version_not_known": _("The template has no version %(number)s."),
    "template_changed": _(
        "%(by)s saved version %(number)s meanwhile (%(at)s). Compare, then save again on top of it."
    ),
    "template_archived": _("%(name)s is archived. Take it back first."),
    "template_in_use": _("Tasks use this template: %(tasks)s. Delete them first, or archive it."),
    "title_unfit": _(
        "“%(name)s” cannot be a name here. Use 1 to 100 characters on one line, with no space at the ends."
    ),
    "task_not_known": _("There is no task %(task_id)s."),
    "task_changed": _("%(by)s changed this task meanwhile (%(at)s). Look at it again."),
    "task_disabled": _("This task is disabled: %(reason)s"),
    "template_unreadable": _(
        "The newest version of %(name)s cannot be read any more. Mend the template first."
    ),
    "task_needs_hosts": _("The template works on hosts. Choose some for this task."),
    "no_host_found": _("No host of the project fits this choice."),
    "reason_missing": _("Give a reason."),
    "rerun_of_tasks_only": _("Only a task's run can be run again like this."),
    "schedule_not_known": _("There is no schedule %(schedule_id)s."),
    "schedule_changed": _("%(by)s changed this schedule meanwhile (%(at)s). Look at it again."),
    "schedule_not_active": _("This schedule is %(status)s; only an active one can be paused."),
    "schedule_over": _("No time of this schedule lies ahead. Give it another time, or a later end."),
    "schedule_needs_person": _(
        "A schedule runs with the rights of a person. Make and change it as one, or with one's token."
    ),
    "schedule_unfit": _("%(count)s things about this schedule do not fit; “errors” has them all."),
    "schedule_not_of_this_kind": _("“%(param)s” does not belong to a schedule of kind %(kind)s."),
    "zone_not_known": _("“%(zone)s” is not a time zone. Give an IANA name such as %(meant)s."),
    "cron_fields": _(
        "A cron expression has 5 fields (minute, hour, day of month, month, day of week); this has %(count)s."
    ),
    "cron_unfit": _(
        "“%(cron)s”: field %(number)s of 5 does not fit (minute, hour, day of month, month, day of week)."
    ),
    "cron_never": _("No such time comes, as far as can be seen. Look at the expression and at its end."),
    "moment_past": _("“%(param)s” has passed already. Give a later time."),
    "moment_too_far": _("“%(param)s” must lie between the years %(least)s and %(most)s."),
    "bounds_unfit": _("The end must be later than the start."),
    "schedule_paused": _("The schedule was paused: %(reason)s"),
    "schedule_owner_gone": _(
        "It ran as %(owner)s, who is not active any more. Resume it, and it runs as you from then on."
    ),
    "schedule_owner_not_allowed": _(
        "It ran as %(owner)s, who may not run tasks here any more. Resume it, and it runs as you from then "
        "on."
    ),
    "schedule_broken": _(
        "It broke %(count)s times in a row (%(error)s); the platform's log says where. Resume it once that "
        "is mended."
    ),
    "tick_missed": _(
        "%(count)s times up to %(until)s were missed by more than the grace of %(grace)s seconds: no process "
        "was at work, or the clock was wrong."
    ),
    "tick_made_up": _("%(count)s times up to %(until)s were missed; the run of %(by)s stands for them."),
    "tick_overlaps": _("Run %(run_id)s of this schedule was still open."),
    "tick_waits": _("Waits for run %(run_id)s of this schedule to end."),
    "tick_queue_full": _(
        "Run %(run_id)s of this schedule was still open, and a run was waiting for it already."
    ),
    "values_unfit": _("%(count)s values do not fit; “errors” has them all."),
    "value_missing": _("“%(name)s” needs a value."),
    "value_not_known": _("There is no parameter “%(name)s”. Known are: %(known)s."),
    "value_not_text": _("“%(name)s” must be text without NUL."),
    "value_not_integer": _("“%(name)s” must be a whole number, up to %(most)s either way."),
    "value_not_boolean": _("“%(name)s” must be true or false."),
    "value_not_a_choice": _("“%(name)s” must be one of: %(choices)s."),
    "value_not_matching": _("“%(name)s” must match the pattern %(pattern)s."),
    "value_too_long": _("“%(name)s” is longer than %(limit)s characters."),
    "secret_lacking": _("“%(name)s”: the project has no secret called %(secret)s."),
}
