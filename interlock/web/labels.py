"""Codes to the words of the pages. Sentences for refusals are in interlock.words."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from interlock.web import acts, channel_words, run_words, stages

Label = Promise | str

STATUSES: dict[str, Label] = {
    "absent": _("absent"),
    "active": _("active"),
    "approved": _("approved"),
    "building": _("building"),
    "canceled": _("canceled"),
    "delete_failed": _("delete failed"),
    "deleting": _("deleting"),
    "disabled": _("disabled"),
    "duplicate": _("duplicate"),
    "ended": _("ended"),
    "excluded": _("excluded"),
    "expired": _("expired"),
    "failed": _("failed"),
    "given_up": _("given up"),
    "half_done": _("half done"),
    "install_failed": _("install failed"),
    "installing": _("installing"),
    "open": _("open"),
    "paused": _("paused"),
    "pending": _("pending"),
    "put_back": _("put back"),
    "putting_back": _("putting back"),
    "ready": _("ready"),
    "rejected": _("rejected"),
    "revert_failed": _("revert failed"),
    "reverting": _("reverting"),
    "running": _("running"),
    "sent": _("sent"),
    "skipped": _("skipped"),
    "started": _("started"),
    "stopped": _("stopped"),
    "stopping": _("stopping"),
    "succeeded": _("succeeded"),
    "success": _("success"),
    "timed_out": _("timed out"),
    "timeout": _("timed out"),
    "unknown": _("unknown"),
    "unproven": _("unproven"),
    "untouched": _("untouched"),
    "upgrade_failed": _("upgrade failed"),
    "upgrading": _("upgrading"),
    "waiting": _("waiting"),
}

# status -> (tone, icon): shape and word tell it as well as the colour does
_GOOD, _BAD, _LIVE, _WAIT, _CALM = "good", "bad", "live", "wait", "calm"
LOOKS: dict[str, tuple[str, str]] = {
    "absent": (_CALM, "circle-dashed"),
    "active": (_GOOD, "circle-check"),
    "approved": (_GOOD, "circle-check"),
    "building": (_LIVE, "loader-circle"),
    "canceled": (_CALM, "ban"),
    "delete_failed": (_BAD, "circle-x"),
    "deleting": (_LIVE, "loader-circle"),
    "disabled": (_CALM, "circle-off"),
    "duplicate": (_CALM, "copy"),
    "ended": (_CALM, "circle-dot"),
    "excluded": (_CALM, "circle-slash"),
    "expired": (_BAD, "timer-off"),
    "failed": (_BAD, "circle-x"),
    "given_up": (_BAD, "circle-x"),
    "half_done": (_BAD, "circle-dot-dashed"),
    "install_failed": (_BAD, "circle-x"),
    "installing": (_LIVE, "loader-circle"),
    "open": (_WAIT, "hand"),
    "paused": (_WAIT, "circle-pause"),
    "pending": (_CALM, "circle-dashed"),
    "put_back": (_WAIT, "undo-2"),
    "putting_back": (_LIVE, "undo-2"),
    "ready": (_CALM, "circle-dot"),
    "rejected": (_BAD, "thumbs-down"),
    "revert_failed": (_BAD, "circle-x"),
    "reverting": (_LIVE, "loader-circle"),
    "running": (_LIVE, "loader-circle"),
    "sent": (_GOOD, "circle-check"),
    "skipped": (_CALM, "circle-slash"),
    "started": (_CALM, "circle-play"),
    "stopped": (_BAD, "octagon-x"),
    "stopping": (_WAIT, "octagon-minus"),
    "succeeded": (_GOOD, "circle-check"),
    "success": (_GOOD, "circle-check"),
    "timed_out": (_BAD, "timer-off"),
    "timeout": (_BAD, "timer-off"),
    "unknown": (_WAIT, "circle-question-mark"),
    "unproven": (_WAIT, "circle-question-mark"),
    "untouched": (_CALM, "circle-dashed"),
    "upgrade_failed": (_BAD, "circle-x"),
    "upgrading": (_LIVE, "loader-circle"),
    "waiting": (_WAIT, "hand"),
}
# An instance that runs is at rest: it is where it should be, and nothing is under way.
INSTANCE_LOOKS = LOOKS | {"running": (_GOOD, "circle-check")}

ACTIONS: dict[str, Label] = {
    "deploy": _("deploy"),
    "upgrade": _("upgrade"),
    "revert": _("revert"),
    "delete": _("delete"),
}

ROLES: dict[str, Label] = {
    "viewer": _("viewer"),
    "operator": _("operator"),
    "approver": _("approver"),
    "admin": _("administrator"),
}

LANGUAGES: dict[str, Label] = {
    "python": "Python",
    "go": "Go",
    "java": "Java",
    "node": "Node.js",
    "cpp": "C++",
    "other": _("another"),
}

SOURCES: dict[str, Label] = {
    "git": _("git, built here"),
    "upload": _("upload"),
    "gitlab": _("GitLab pipeline"),
    "jenkins": _("Jenkins job"),
}

LOCK_SCOPES: dict[str, Label] = {
    "service": _("the whole service is closed to others"),
    "instances": _("only its own instances are closed to others"),
}

VERSION_RULES: dict[str, Label] = {
    "default": _("time, branch and commit"),
    "tag": _("the tag that is built"),
}

MISFIRES: dict[str, Label] = {
    "skip": _("Leave it out"),
    "once": _("Make up for it once, however late"),
}

OVERLAPS: dict[str, Label] = {
    "skip": _("Leave this time out"),
    "queue": _("Wait for the end of that run"),
    "allow": _("Run all the same"),
}

TABLES: dict[str, dict[str, Label]] = {
    "status": STATUSES,
    "action": ACTIONS,
    "role": ROLES,
    "act": acts.ACTS,
    "subject": acts.SUBJECTS,
    "stage": stages.STAGES,
    "trouble": stages.TROUBLES,
    "reach": stages.REACHES,
    "language": LANGUAGES,
    "source": SOURCES,
    "origin": run_words.ORIGINS,
    "error": run_words.ERRORS,
    "channel_kind": channel_words.KINDS,
    "event": channel_words.EVENTS,
    "misfire": MISFIRES,
    "overlap": OVERLAPS,
}


def word(table: str, code: object) -> Label:
    """The word for a code; one that nobody has put into words is shown as it is."""
    return TABLES[table].get(str(code), str(code))


def instance_parts(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Instances by status as parts of a bar: (tone, number)."""
    tones: dict[str, int] = {}
    for status, number in counts.items():
        if status != "absent":
            tone = INSTANCE_LOOKS.get(status, (_CALM, ""))[0]
            tones[tone] = tones.get(tone, 0) + number
    return [(tone, tones[tone]) for tone in (_GOOD, _LIVE, _WAIT, _BAD, _CALM) if tone in tones]
