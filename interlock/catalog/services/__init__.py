"""Every write of the catalogue."""

from interlock.catalog.services.declared import create_service, update_service
from interlock.catalog.services.instances import (
    KEEP,
    InstanceMove,
    ensure_instances,
    move_instances,
    update_instance,
)
from interlock.catalog.services.locks import free_unproven, release_locks, take_locks
from interlock.catalog.services.versions import create_version, version_news

__all__ = [
    "KEEP",
    "InstanceMove",
    "create_service",
    "create_version",
    "ensure_instances",
    "free_unproven",
    "move_instances",
    "release_locks",
    "take_locks",
    "update_instance",
    "update_service",
    "version_news",
]
