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
