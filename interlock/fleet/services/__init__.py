"""Hosts, groups, environments, credentials, host keys: every write."""

from interlock.fleet.services.credentials import create_credential, delete_credential, renew_credential
from interlock.fleet.services.hosts import (
    accept_key,
    create_host,
    delete_host,
    note_check,
    note_facts,
    put_hosts,
    read_key,
    remove_key,
    update_host,
)
from interlock.fleet.services.places import (
    create_environment,
    create_group,
    delete_environment,
    delete_group,
    set_grants,
    update_environment,
    update_group,
)

__all__ = [
    "accept_key",
    "create_credential",
    "create_environment",
    "create_group",
    "create_host",
    "delete_credential",
    "delete_environment",
    "delete_group",
    "delete_host",
    "note_check",
    "note_facts",
    "put_hosts",
    "read_key",
    "remove_key",
    "renew_credential",
    "set_grants",
    "update_environment",
    "update_group",
    "update_host",
]
