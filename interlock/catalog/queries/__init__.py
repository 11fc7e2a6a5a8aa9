"""Reads of the catalogue. What the caller may not see is as good as not there."""

from interlock.catalog.queries.instances import (
    InstanceRow,
    LockRow,
    counts_by_host,
    instance,
    instances,
    locks,
    visible_instance,
)
from interlock.catalog.queries.matrix import Across, LockTally, Tally, matrix, matrix_locks
from interlock.catalog.queries.services import (
    ServiceRow,
    names_of,
    service,
    service_named,
    services,
    visible_service,
)
from interlock.catalog.queries.versions import (
    VersionChoice,
    VersionRow,
    commits_made,
    version,
    version_named,
    version_of_commit,
    versions,
    versions_for,
)

__all__ = [
    "Across",
    "InstanceRow",
    "LockRow",
    "LockTally",
    "ServiceRow",
    "Tally",
    "VersionChoice",
    "VersionRow",
    "commits_made",
    "counts_by_host",
    "instance",
    "instances",
    "locks",
    "matrix",
    "matrix_locks",
    "names_of",
    "service",
    "service_named",
    "services",
    "version",
    "version_named",
    "version_of_commit",
    "versions",
    "versions_for",
    "visible_instance",
    "visible_service",
]
