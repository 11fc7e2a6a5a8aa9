"""Codes to sentences, for every door. Codes travel; words are put on at the edge."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from interlock.lifecycle.refused import Refused

# Facts of the refusal fill the %(name)s. One block a context; say what is wrong and what to do.
SENTENCES: dict[str, Promise | str] = {
    # lifecycle
    "instance_not_ready": _("This instance is %(status)s and cannot take %(action)s now."),
    "plan_empty": _("The plan has no steps."),
    "step_name_unfit": _("Each step needs a name of 1 to 100 characters."),
    "rollout_empty": _("“%(step)s” needs at least one host and one step."),
    "batches_unreadable": _("“%(value)s” is not a batch. Give rising totals such as 1, 10% and 100%."),
    "batches_not_rising": _("Batches are rising totals; “%(value)s” is smaller than the one before it."),
    "batches_do_not_fit": _("The batches of “%(step)s” do not add up to its hosts."),
    "host_twice": _("“%(step)s” names a host twice."),
    "kind_not_on_hosts": _("“%(step)s”: a step of kind %(step_kind)s cannot run on hosts."),
    # journal
    # accounts
    # vault
    # fleet
    # runs
    # catalog
    # builds
    # releases
    # doors
}


class _Facts(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "?"


def sentence(code: str, facts: Mapping[str, object]) -> str:
    """The sentence of a code in the active language; the code itself when the table lacks it."""
    text = SENTENCES.get(code)
    return code if text is None else str(text) % _Facts(facts)


def refusal(refused: Refused) -> str:
    return sentence(refused.code, refused.facts)
