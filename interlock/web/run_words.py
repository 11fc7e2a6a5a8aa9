"""What the pages call the parts of a run, and what each verb will do, said before it is done."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Label = Promise | str


@dataclass(frozen=True)
class VerbWords:
    word: Label  # on the button
    icon: str
    says: Label  # what it will do
    danger: bool = False
    reason: bool = True  # whether it takes one


VERBS: dict[str, VerbWords] = {
    "start": VerbWords(
        _("Start"),
        "play",
        _("Takes the locks that the plan needs, and begins with its first step."),
        reason=False,
    ),
    "stop": VerbWords(
        _("Stop"),
        "octagon-minus",
        _(
            "Everything that this run has started is ended on every host, and read back until it is gone. "
            "Nothing is undone: a host in the middle of its steps is left half done. The run ends as stopped."
        ),
        danger=True,
    ),
    "pause": VerbWords(
        _("Pause"),
        "circle-pause",
        _(
            "Nothing further begins. What is at work is finished first, so that no host is left "
            "in the middle."
        ),
    ),
    "resume": VerbWords(_("Resume"), "play", _("It goes on where it was paused.")),
    "give-up": VerbWords(
        _("Give up"),
        "flag",
        _(
            "The run ends as failed and frees its locks. Hosts stay as they are now; those that have not "
            "begun stay untouched."
        ),
        danger=True,
    ),
    "retry": VerbWords(
        _("Retry"),
        "rotate-cw",
        _(
            "Each failed host goes on with the step that failed; one that was put back begins again. "
            "Then the rollout goes on by itself."
        ),
    ),
    "retry-step": VerbWords(_("Retry"), "rotate-cw", _("The step is carried out once more.")),
    "skip": VerbWords(
        _("Skip"),
        "skip-forward",
        _("The step counts as passed although it did not succeed, and what follows it begins."),
    ),
    "go-on": VerbWords(_("Go on"), "play", _("What comes next begins at once."), reason=False),
    "exclude": VerbWords(
        _("Exclude"),
        "circle-slash",
        _("These hosts are left out of the run and stay as they are. The rollout goes on without them."),
        danger=True,
    ),
    "resolve": VerbWords(
        _("Say what happened"),
        "circle-question-mark",
        _("Nobody can tell from here whether it ran. Look at the host, then say what it came to."),
    ),
}

ORIGINS: dict[str, Label] = {
    "release": _("release"),
    "build": _("build"),
    "task": _("task"),
    "adhoc": _("by hand"),
}

# error of a try -> what it means; others are shown by their code
ERRORS: dict[str, Label] = {
    "exit_code": _("ended with an error"),
    "timed_out": _("took too long"),
    "fence_refused": _("a newer run has the host"),
    "kind_crashed": _("broke on our side"),
    "kind_not_known": _("no such kind of step"),
    "message_not_sent": _("the message did not arrive"),
    "http_not_sent": _("the request could not be sent"),
    "http_answer_lost": _("sent, and nobody heard the answer"),
    "http_status": _("not the answer that was expected"),
    "probe_failed": _("not healthy"),
    "put_back_failed": _("could not be put back"),
    "resolved_as_failed": _("declared failed"),
    "stop_unproven": _("the stop is not proven"),
    "stop_timed_out": _("the stop took too long"),
    "body_lost": _("ended without a trace"),
    "machine_gone": _("its machine is gone"),
    "package_missing": _("the package is missing"),
    "host_tree_unusable": _("the folder on the host cannot be used"),
    "no_version_to_switch_to": _("there is no version to switch to"),
    "digest_wrong": _("the package arrived damaged"),
    "disk_full": _("the disk is full"),
    "auth_failed": _("the host refused our key"),
    "host_key_changed": _("the host key has changed"),
    "host_key_unknown": _("the host key is not known"),
    "bastion_failed": _("the bastion did not let us through"),
    "connect_failed": _("not reachable"),
    "connect_timeout": _("did not answer"),
    "connection_lost": _("the connection broke"),
    "no_reply": _("did not answer"),
    "ask_timeout": _("did not answer in time"),
    "no_session": _("opened no session"),
    "shell_ended": _("its shell ended"),
    "shell_unusable": _("its shell cannot be used"),
}
