"""Codes to sentences, for every door. Codes travel; words are put on at the edge."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from interlock.lifecycle.refused import Refused
from interlock.task_words import TASK_SENTENCES

# Facts of the refusal fill the %(name)s. One block a context; say what is wrong and what to do.
SENTENCES: dict[str, Promise | str] = {
    # lifecycle
    "instance_not_ready": _("This instance is %(status)s and cannot take %(action)s now."),
    "plan_empty": _("The plan has no steps."),
    "step_name_unfit": _("Each step needs a name of 1 to 100 characters."),
    "rollout_empty": _("“%(step)s” needs at least one host and one step."),
    "batches_unreadable": _("“%(value)s” is not a batch. Give rising totals such as 1, 10%% and 100%%."),
    "batches_not_rising": _("Batches are rising totals; “%(value)s” is smaller than the one before it."),
    "batches_do_not_fit": _("The batches of “%(step)s” do not add up to its hosts."),
    "host_twice": _("“%(step)s” names a host twice."),
    "kind_not_on_hosts": _("“%(step)s”: a step of kind %(step_kind)s cannot run on hosts."),
    "finalizer_unfit": _(
        "“%(step)s” cannot be among the steps that always run: they are done on the platform and ask nobody."
    ),
    # journal
    # accounts
    "not_allowed": _("You lack the right “%(right)s” here. Ask an administrator of the project for it."),
    "too_many_tries": _("Too many failed sign-ins. Try again in %(minutes)s minutes."),
    "login_wrong": _("The name or the password is not right."),
    "username_unfit": _(
        "“%(username)s” cannot be a user name. Use letters, digits and . _ @ + -, 64 at most, "
        "beginning with a letter or digit."
    ),
    "username_taken": _("There is somebody called “%(username)s” already."),
    "password_weak": _("This password is not strong enough: %(why)s"),
    "person_not_known": _("There is no person %(person_id)s."),
    "name_unfit": _(
        "“%(name)s” cannot be a name here. Use letters, digits and . _ -, 63 at most, beginning "
        "with a letter or digit."
    ),
    "role_not_known": _("There are no roles %(roles)s. Choose from: %(known)s."),
    "scope_not_known": _("There are no scopes %(scopes)s. Choose from: %(known)s."),
    "scope_too_wide": _(
        "A token can only make tokens that may do no more than itself. Name scopes that it has."
    ),
    "expiry_past": _("The expiry lies in the past. Give a later time."),
    "idempotency_key_unfit": _("An idempotency key has 1 to 128 characters."),
    "people_exist": _("There are people already; an administrator can add more."),
    "last_admin": _("This is the last administrator. Make somebody else one first."),
    "name_taken": _("The name “%(name)s” is taken."),
    "project_not_known": _("There is no such project."),
    "token_not_known": _("You have no token %(token_id)s."),
    "idempotency_key_reused": _("This idempotency key came with another request before. Use a new one."),
    "request_at_work": _("The first request with this idempotency key is still at work. Ask again shortly."),
    # what the doctor finds
    "doctor_rule_broken": _("Run %(run_id)s breaks a rule: %(fault)s."),
    "doctor_stands_still": _("Run %(run_id)s says that it is at work, and nothing of it is alive."),
    "doctor_lease_forgotten": _(
        "Run %(run_id)s has work whose worker “%(worker)s” has not been heard of for long, "
        "and nobody took it over."
    ),
    "doctor_nobody_called": _(
        "Run %(run_id)s has work that is ready, and no worker has been called for long."
    ),
    "doctor_open_approval": _("Run %(run_id)s has ended, and still asks for an approval."),
    "doctor_goes_on_after_end": _("Run %(run_id)s has ended, and a %(what)s of it is still %(status)s."),
    "doctor_log_unsealed": _("Run %(run_id)s ended long ago, and its logs have not been packed away."),
    "doctor_lock_left": _("Run %(run_id)s has ended, and its locks are still held."),
    "doctor_at_work_unlocked": _("%(service)s on %(host)s is %(status)s, and no run has reserved it."),
    # vault
    "secret_name_unfit": _(
        "“%(name)s” cannot name a secret. Use letters, digits and _ . -, beginning with a letter."
    ),
    "secret_value_unfit": _("A secret is text without NUL, %(limit)s characters at most, and not empty."),
    "secret_taken": _("There is a secret called %(name)s already. Give that one a new value instead."),
    "secret_not_known": _("There is no such secret."),
    "secrets_not_known": _("The project has no secrets called %(names)s."),
    "secret_unreadable": _(
        "The secret cannot be read with the keys of the key file. Restore the key it was made with."
    ),
    # fleet
    "host_not_known_id": _("There is no host %(id)s, or it is not yours to use."),
    "host_not_known": _("These hosts are not there, or not granted to the project: %(hosts)s."),
    "host_unreachable": _("%(host)s could not be reached (%(why)s)."),
    "group_not_known": _("There are no groups %(ids)s."),
    "host_key_unreadable": _("This is not a public host key. Paste a line such as “ssh-ed25519 AAAA…”."),
    "fields_not_known": _("These fields are not known or cannot be changed: %(fields)s."),
    "address_unfit": _("“%(address)s” is neither a host name nor an IP address."),
    "port_unfit": _("%(port)s is not a port. Give 1 to 65535."),
    "user_unfit": _("“%(user)s” cannot be a login name."),
    "description_unfit": _("The description is too long, or has characters that cannot be kept."),
    "path_unfit": _(
        "“%(path)s” is not fit. Give an absolute path of letters, digits and . _ + @ -, without “..”."
    ),
    "credential_kind_not_known": _("There is no such kind of credential. Choose from: %(known)s."),
    "host_key_not_known": _("The host has no accepted key %(fingerprint)s."),
    "host_tree_taken": _(
        "%(host)s is the same machine as %(other)s with the same root %(root)s. Give one of them "
        "another root, or remove it."
    ),
    "root_too_high": _(
        "“%(path)s” is too high in the tree to hold releases. Choose a folder of its own, such "
        "as /srv/interlock."
    ),
    "label_unfit": _(
        "“%(label)s” is not a label. Names and values are letters, digits and . _ / -, 63 at most."
    ),
    "bastion_loop": _("The bastions lead back to the host itself."),
    "private_key_unreadable": _(
        "This is not a private key that can be read. Paste it whole, without a passphrase."
    ),
    "host_in_use": _(
        "%(host)s has instances or runs. Delete its instances first; a host that was released to "
        "stays in the records."
    ),
    "environment_not_known": _("There is no environment %(id)s."),
    "environment_in_use": _("%(name)s has %(count)s hosts. Move them to another environment first."),
    "group_not_known_id": _("There is no group %(id)s."),
    "credential_in_use": _("Hosts sign in with %(name)s. Give them another credential first."),
    "hosts_with_faults": _("%(count)s of the lines have faults. Nothing was registered."),
    "name_not_typed": _("Type %(name)s to say that you mean it."),
    "columns_too_many": _("This line has %(count)s columns; %(most)s are read."),
    "name_in_line": _("%(name)s is in line %(line)s already."),
    "no_lines": _("There are no lines to read. Paste one host a line."),
    "too_many_lines": _("These are %(count)s lines; %(most)s at a time can be taken in."),
    "credential_not_known": _("There is no credential %(id)s."),
    "bastion_not_known": _("There is no host %(id)s to be the bastion."),
    **TASK_SENTENCES,
    # runs
    "run_ended": _("This run has ended (%(status)s). Start a new one."),
    "run_already_started": _("This run was started already; it is %(status)s."),
    "not_waiting": _("This step does not wait for an answer; it is %(status)s."),
    "run_not_started": _("This run has not begun yet."),
    "run_already_paused": _("This run is paused already."),
    "run_not_paused": _("This run is not paused; it is %(status)s."),
    "run_already_ending": _("This run is ending already; it is %(status)s."),
    "work_has_begun": _(
        "Work on the hosts has begun: the plan cannot be changed any more. Stop the run first."
    ),
    "nothing_to_give_up": _("There is no failure here to give up on; the run is %(status)s."),
    "step_not_broken": _("This step has not failed; it is %(status)s."),
    "not_waiting_to_go_on": _("Nothing here waits for a go-on; the step is %(status)s."),
    "rollout_not_skippable": _(
        "A rollout cannot be skipped. Exclude its failed hosts, retry them, or give up."
    ),
    "rollout_not_held": _("The rollout is not waiting for a decision."),
    "no_hosts_here": _("This step has no hosts to choose from."),
    "step_not_unknown": _("The end of this step is known: it is %(status)s."),
    "lane_not_retryable": _("Only hosts that failed or are unknown can be retried; this one is %(status)s."),
    "lane_not_unknown": _("Only an unknown end can be resolved; this host is %(status)s."),
    "lane_not_excludable": _(
        "Only hosts that have not begun or have failed can be excluded; this one is %(status)s."
    ),
    "step_not_current": _("The run is not at step %(key)s now."),
    "params_not_known": _("These parameters are not known: %(params)s. Known are: %(known)s."),
    "time_without_zone": _("“%(value)s” has no time zone. Add one, such as +08:00 or Z."),
    "hosts_missing": _("Name at least one host."),
    "answer_missing": _("Say what it came to: done, to be tried again, or failed."),
    "run_not_known": _("There is no run %(run_id)s."),
    "approval_not_known": _("Step %(key)s asks for no approval."),
    "approval_decided": _("This approval is %(status)s already, by %(by)s."),
    "only_people_vote": _("Only people can approve or reject."),
    "own_request": _("You asked for this yourself; somebody else has to approve it."),
    "not_asked": _("This approval asks others: %(people)s."),
    "voted_already": _("You have voted on this already."),
    "kind_not_known": _("“%(step)s”: there is no step kind %(step_kind)s. Known are: %(known)s."),
    "param_missing": _("“%(param)s” is missing here."),
    "param_has_nul": _("The parameter “%(param)s” has a NUL character."),
    "param_too_long": _("“%(param)s” is longer than %(limit)s bytes. Put it into a package instead."),
    "param_not_a_mapping": _("“%(param)s” must be a mapping of names to values."),
    "env_name_unfit": _("“%(name)s” cannot be an environment variable here."),
    "env_value_unfit": _("The value of “%(name)s” must be text without NUL, 256 kB at most."),
    "file_name_unfit": _("“%(name)s” cannot be a file name here."),
    "param_not_json": _("“%(param)s” must be something that JSON can say."),
    "header_name_unfit": _("“%(name)s” cannot be a header here; some are set by the platform itself."),
    "http_body_unfit": _("A request has json or body, not both, and GET and HEAD have neither."),
    "filling_mistaken": _(
        "No parameter is called “%(name)s”. Did you mean “%(meant)s”? For braces write {{…}}."
    ),
    "filling_not_declared": _(
        "No parameter is called “%(name)s”. For the word in braces write {{%(name)s}}."
    ),
    "filling_secret": _(
        "“%(name)s” is a secret, and this text is shown. Secrets fit into headers and bodies."
    ),
    "probe_asks_one_thing": _("A probe asks exactly one of http, tcp and command."),
    "url_unfit": _("“%(url)s” is not an http or https address."),
    "param_out_of_range": _("“%(param)s” must be a number from %(least)s to %(most)s."),
    "param_not_a_choice": _("“%(param)s” must be one of: %(choices)s."),
    "param_not_a_list": _("“%(param)s” must be a list of %(least)s to %(most)s items."),
    "quorum_out_of_reach": _("%(quorum)s approvals cannot come from %(people)s people."),
    "wait_for_one_thing": _("A wait has exactly one of seconds, until and manual."),
    "time_unreadable": _("“%(value)s” is not a time. Write it like 2026-11-21T02:00:00+08:00."),
    "log_not_known": _("There is no log %(body)s in this run."),
    "step_not_known": _("There is no step %(key)s in this run."),
    "no_lane_for_this": _("There is no host here for this."),
    "host_not_in_run": _("These hosts are not part of the step: %(hosts)s."),
    # catalog
    "service_not_known": _("There is no service %(service)s."),
    "version_not_known": _("There is no version %(version)s of this service."),
    "instance_not_known": _("There is no instance %(instance)s of this service."),
    "service_name_unfit": _("“%(name)s” cannot name a service: use a-z, 0-9 and -, up to 63 characters."),
    "service_name_taken": _("There is already a service called %(name)s."),
    "service_field_fixed": _("The %(field)s of a service cannot change: directories on hosts carry it."),
    "service_changed_meanwhile": _(
        "%(by)s has changed these settings since you opened them. Nothing of yours was saved: compare, "
        "and save again."
    ),
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
    "lock_of_service": _(
        "This lock keeps the whole service for run %(run_id)s. It goes when the locks of its instances do."
    ),
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
    "version_not_successful": _(
        "Version %(version)s is %(status)s; only successful versions can be released."
    ),
    "nothing_to_do": _("There is no instance left for this release (%(action)s)."),
    "version_of_other_service": _("Version %(version)s is not one of %(service)s."),
    "hosts_mixed": _("Name the hosts either all by id or all by name."),
    "not_on_from_version": _("These hosts are not on %(version)s: %(hosts)s."),
    "kind_only_on_hosts": _("A step of kind %(step_kind)s runs on hosts only."),
    "release_not_known": _("There is no release %(release_id)s."),
    "start_at_missing": _("Give start_at with start “at”, and only then."),
    "start_at_past": _("%(value)s is over. Give a time that is still to come."),
    "confirm_beyond_batches": _(
        "There is nothing to confirm after batch %(batch)s: there are only %(batches)s batches."
    ),
    "too_many_batches": _(
        "One by one goes up to %(most)s hosts, and these are %(hosts)s. Choose rising totals instead."
    ),
    "confirm_unfit": _("Give the numbers of batches, such as 1, 3."),
    "host_label_unfit": _("“%(label)s” is not a label. Give it as name=value."),
    "version_missing": _("Name the version to release."),
    "request_unfit": _("“%(field)s” does not fit: %(problem)s"),
    "plan_changed": _("The plan is another one by now. Look at it again (%(plan_hash)s) before you agree."),
    "not_deployed": _("The service is not on these hosts: %(hosts)s. Deploy it first."),
    "already_deployed": _(
        "The service is on these hosts already: %(hosts)s. Upgrade it, or ask to skip them."
    ),
    "instance_held": _("Locked by %(holder)s since %(since)s (%(reason)s): %(hosts)s."),
    "already_there": _("These hosts are on %(version)s already: %(hosts)s. Ask to skip them."),
    "host_not_checked": _("The connection to this host has never been checked."),
    # doors
    "not_found": _("There is nothing here, or nothing that you may see."),
    "cursor_unfit": _("This cursor is not one of ours. Begin with the first page."),
    "step_or_rollout": _("Each branch of a stage is either a step or a rollout."),
    "file_missing": _("The package file is missing. Send it in the field “file”."),
    "why_pending": _("Not started yet."),
    "why_running": _("At work."),
    "why_ready": _("“%(name)s” is ready and waits for a worker."),
    "why_paused": _("Paused: nothing goes on until somebody resumes it."),
    "why_pausing": _("Paused: what has begun goes on to its end, and nothing further begins."),
    "why_stopping": _("Being stopped: what was started is ended and read back."),
    "why_succeeded": _("Succeeded."),
    "why_failed": _("Failed."),
    "why_rejected": _("Rejected."),
    "why_canceled": _("Stopped."),
    "why_held": _(
        "“%(name)s” waits for a decision: %(hosts)s hosts failed or are unknown. Retry, exclude, "
        "resolve, or give up."
    ),
    "why_confirm": _("“%(name)s” waits for a go-on after batch %(batch)s."),
    "why_bake": _("“%(name)s” lets batch %(batch)s prove itself until %(until)s."),
    "why_step_broken": _("“%(name)s” is %(status)s (%(error)s). Retry, skip, or give up."),
    "why_until": _("“%(name)s” waits until %(until)s."),
    "why_manual": _("“%(name)s” waits for a person to let it go on."),
    "why_approval": _("Waits for approval: %(given)s of %(quorum)s given."),
    "why_plan_changed": _("The plan changed before the start. Look at it and start again."),
    "why_locks_refused": _("It could not start: %(because)s Start it again, or stop it."),
    # notify
    "channel_kind_not_known": _("There is no such kind of channel. Choose from: %(known)s."),
    "channel_address_unfit": _("This cannot be the address of a channel of kind %(channel_kind)s."),
    "channel_address_unread": _("apprise cannot read this address."),
    "signing_key_unfit": _("A webhook is signed: give a key of %(least)s characters or more."),
    "signing_key_not_of_kind": _("A channel of kind %(channel_kind)s takes no key to sign with."),
    "recipients_not_of_kind": _(
        "Only mail has a sender and recipients, not a channel of kind %(channel_kind)s."
    ),
    "recipients_unfit": _("Mail needs a sender and 1 to %(most)s recipients."),
    "mail_address_unfit": _("“%(address)s” is not a mail address."),
    "language_not_known": _("There is no such language here. Choose from: %(known)s."),
    "channel_not_known": _("There is no such channel."),
    "channel_named_not_known": _("The project has no channel “%(name)s”, and neither has the platform."),
    "channel_disabled": _("The channel was switched off."),
    "channel_unreachable": _("The far side could not be reached."),
    "channel_silent": _("The far side did not answer in time, or broke the connection."),
    "channel_refused": _("The far side did not take the message."),
    "channel_broken": _("The message could not be sent; the far side or the address is not as expected."),
    "mail_without_tls": _("The mail server offers no TLS, and the password is not sent in the open."),
    "events_unfit": _("Choose one event or more from: %(known)s."),
    "subscription_not_known": _("There is no such subscription."),
    "subscription_of_one": _("A subscription is of a service or of a task, not of both."),
    "not_of_this_project": _("This belongs to another project."),
    "message_not_known": _("There is no such message."),
    "request_unreadable": _("The request cannot be read. Send valid JSON."),
    "not_signed_in": _("Sign in, or send a valid token."),
    "not_allowed_here": _("This is not allowed here; a session needs its CSRF token."),
    "method_not_allowed": _("This address takes %(allowed)s only."),
    "request_too_large": _("The request is larger than %(limit)s bytes, the most that is taken here."),
    "request_too_deep": _("The request nests deeper than %(levels)s levels."),
    "media_type_unfit": _("A body has to be JSON, with the content type application/json."),
    "text_has_nul": _("A text in the request holds a NUL character."),
    "text_not_unicode": _("A text in the request holds half a character."),
    "request_invalid": _("The request does not fit; “errors” says where."),
    "database_away": _("The database does not answer just now. Try again shortly."),
    "server_error": _("Something broke on our side. It was logged; try again."),
}


class _Facts(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "?"


def sentence(code: str, facts: Mapping[str, object]) -> str:
    """The sentence of a code in the active language; the code itself when the table lacks it."""
    text = SENTENCES.get(code)
    because = facts.get("because")
    if isinstance(because, Mapping):
        facts = {**facts, "because": sentence(str(because["code"]), because["facts"])}
    return code if text is None else str(text) % _Facts(facts)


def refusal(refused: Refused) -> str:
    return sentence(refused.code, refused.facts)
