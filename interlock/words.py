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
    "service_not_known": _("There is no service %(service)s."),
    "version_not_known": _("There is no version %(version)s of this service."),
    "instance_not_known": _("There is no instance %(instance)s of this service."),
    "service_name_unfit": _("“%(name)s” cannot name a service: use a-z, 0-9 and -, up to 63 characters."),
    "service_name_taken": _("There is already a service called %(name)s."),
    "service_field_fixed": _("The %(field)s of a service cannot change: directories on hosts carry it."),
    "service_at_work": _("A release of %(service)s holds locks; wait until it has ended."),
    "field_not_known": _("There is no field %(field)s to change here."),
    "field_unfit": _("This value does not fit the field %(field)s."),
    "text_unfit": _("The field %(field)s takes text of up to %(limit)s characters."),
    "choice_not_known": _("“%(value)s” is not a %(field)s. Choose one of: %(allowed)s."),
    "setting_not_known": _("There is no setting called %(setting)s."),
    "setting_unfit": _("The setting %(setting)s has a value that does not fit (%(problem)s)."),
    "weight_unfit": _("“%(weight)s” is not a weight: give a whole number from 0 to %(limit)s."),
    "instance_port_unfit": _("“%(port)s” is not a port: give a whole number from 1 to 65535."),
    "build_url_unfit": _("“%(url)s” is not an address that can be built from."),
    "build_url_scheme": _(
        "Addresses that begin with “%(scheme)s” are not allowed here. Use one of: %(allowed)s."
    ),
    "build_url_has_secret": _(
        "The address holds a login. Leave it out; keep logins in git's credential store."
    ),
    "ref_unfit": _("“%(ref)s” cannot be the name of a branch, tag or commit."),
    "instance_move_not_known": _("An instance cannot go from %(old)s to %(new)s."),
    "instance_locked": _("%(host)s is locked by %(holder)s: %(reason)s. Change it when the lock is free."),
    "locked": _("Locked by %(holder)s since %(since)s: %(reason)s."),
    "lock_not_known": _("One of these locks is already free."),
    "lock_held": _("This lock is at work for %(holder)s: %(reason)s. Stop the run instead."),
    "note_missing": _("Say how you know that nothing is running there any more."),
    "delete_takes_no_version": _("A deletion needs no version."),
    "service_not_installed": _("No instance of this service is installed."),
    "version_is_current": _("This is the version that is installed."),
    "version_not_newer": _("An upgrade goes to a newer version only."),
    "version_not_older": _("A revert goes to an older version only."),
    "version_name_missing": _("The build gave no version number."),
    "version_name_unfit": _(
        "The version number holds characters that cannot name a directory, or is too long."
    ),
    "version_name_taken": _("Another version of this service is already called %(detail)s."),
    "commit_unfit": _("The commit that the build named is not one."),
    "package_missing": _("The build gave no package with a digest."),
    # builds
    "build_source_not_git": _("%(service)s is not built from git here, but from %(source)s."),
    "build_param_unfit": _("The build step cannot use its parameter %(param)s."),
    "build_fetch_failed": _("The repository could not be fetched; the log says why."),
    "build_ref_missing": _("The repository has no such branch, tag or commit."),
    "build_checkout_failed": _("The commit could not be checked out; the log says why."),
    "build_script_failed": _("The build script ended with exit code %(detail)s."),
    "build_pack_failed": _("The package could not be packed; the log says why."),
    "build_failed": _("The build ended before it began; the log says why."),
    "build_folder_unwritable": _("The platform could not write the folder of this build; the log says why."),
    "build_result_missing": _("The build left no package on the machine it ran on. Build again."),
    "build_without_result": _("The build's run ended without news of a package."),
    "same_commit_as": _(
        "The same commit is already version %(detail)s. Ask for a rebuild if you need another."
    ),
    "upload_name_taken": _("%(service)s already has a version %(name)s. Choose another name."),
    "upload_abandoned": _("The upload never ended. Send it again."),
    "digest_unfit": _("A digest is the SHA-256 of the file: 64 hexadecimal digits."),
    "digest_differs": _("The file arrived with the digest %(found)s instead of %(expected)s. Send it again."),
    "package_too_large": _("The package is larger than this platform takes."),
    "package_empty": _("There is nothing in the package."),
    "package_path_missing": _("Nothing in the built tree matches the service's package path."),
    "package_member_unfit": _("“%(detail)s” cannot be in a package: it leads out of it, or is not a file."),
    "package_member_twice": _("“%(detail)s” is in the package twice."),
    "package_bomb": _("The package would become far larger when unpacked than such a file should."),
    "package_unreadable": _("This is not a whole tar.gz, tar or zip (%(detail)s)."),
    "store_full": _("The package store is full. Free some room, then try again."),
    "store_refused": _("The package store did not take the file."),
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
