"""Roles and rights in words: what somebody may do, said to those who give it."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Label = Promise | str

RIGHTS: dict[str, Label] = {
    "view": _("look at services, releases, runs and hosts"),
    "build": _("make versions"),
    "release": _("ask for releases"),
    "operate": _("stop, retry and go on with runs"),
    "approve": _("approve and reject"),
    "configure": _("change services, templates, tasks and secrets"),
    "fleet": _("register hosts, environments and credentials"),
    "people": _("keep people, roles and everybody's tokens"),
    "platform": _("keep projects and the platform's own secrets"),
}

ROLES: dict[str, Label] = {
    "viewer": _("Looks on."),
    "operator": _("Builds, releases and runs, but does not approve."),
    "approver": _("Approves what others ask for, and starts nothing."),
    "admin": _("Does everything in the project, its settings and secrets too."),
}
