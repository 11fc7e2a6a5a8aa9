"""Version 1: one router a noun."""

from interlock.api import events
from interlock.api.v1 import (
    builds,
    channels,
    credentials,
    environments,
    groups,
    hosts,
    instances,
    journal,
    locks,
    people,
    platform,
    projects,
    releases,
    runs,
    schedules,
    secrets,
    services,
    session,
    tasks,
    templates,
    tokens,
    verbs,
    versions,
)

ROUTERS = [
    module.router
    for module in (
        session,
        tokens,
        people,
        projects,
        secrets,
        environments,
        groups,
        credentials,
        hosts,
        services,
        versions,
        builds,
        instances,
        locks,
        releases,
        templates,
        tasks,
        schedules,
        runs,
        verbs,
        events,
        channels,
        journal,
        platform,
    )
]
