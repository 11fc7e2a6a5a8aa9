"""The connection check in words: its stages, what can be wrong with each, and what to do about it."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Label = Promise | str

STAGES: dict[str, Label] = {
    "resolve": _("Find the address"),
    "connect": _("Connect"),
    "host_key": _("Host key"),
    "sign_in": _("Sign in"),
    "shell": _("Shell"),
    "root": _("Root can be written"),
    "disk": _("Disk space"),
    "clock": _("Clock"),
    "twin": _("One machine, one tree"),
}

# What is wrong, and what to do. A code that is not here is shown as it is, with what the host said.
TROUBLES: dict[str, Label] = {
    "name_not_found": _("No address is known for this name. Check the spelling, or give the IP address."),
    "behind_bastion": _("The bastion finds the address and connects."),
    "connect_failed": _(
        "Nothing listens there, or a firewall turns us away. Check address and port, and that sshd runs."
    ),
    "connect_timeout": _(
        "No answer in time. The host may be down, or a firewall drops what we send: check the way from here."
    ),
    "not_ssh": _("Something else than SSH answers there. Check the port."),
    "bastion_failed": _(
        "The way through the bastion failed. Check the bastion first, it is a host of its own."
    ),
    "host_key_unknown": _(
        "No key of this host has been accepted yet. Compare its fingerprint and accept it."
    ),
    "host_key_changed": _(
        "The host shows another key than the one that was accepted. It was set up anew, or somebody is in "
        "between. Find out which before you accept it."
    ),
    "auth_failed": _(
        "The host does not let this user in with this credential. Put the public key into the user's "
        "authorized_keys, or choose another credential."
    ),
    "shell_unusable": _("We are let in, but get no POSIX shell. Check the user's login shell."),
    "no_reply": _("The shell does not answer. The host may be overloaded, or its disk is full."),
    "connection_lost": _("The host hung up. Look at its sshd log."),
    "state_dir_unwritable": _("The state directory cannot be written. Give another one, or free the disk."),
    "root_not_writable": _(
        "The user cannot write there. Make the folder and give it to the user: sudo install -d -o USER ROOT"
    ),
    "disk_unknown": _("The host did not say how much room there is."),
    "disk_short": _("Less than 1 GB is free. Make room, or releases will stop here."),
    "clock_off": _("More than 30 seconds off. Set up time synchronisation, or times in logs will not match."),
    "host_tree_taken": _(
        "Another host of the list is the same machine with the same root. Give one of them another root."
    ),
}

REACHES: dict[str, Label] = {
    "reached": _("reached"),
    "trouble": _("trouble"),
    "unchecked": _("not checked yet"),
    "keyless": _("no key accepted"),
}
