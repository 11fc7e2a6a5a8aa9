"""Services: made, changed."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError

from interlock.accounts.caller import Caller
from interlock.accounts.queries import projects
from interlock.accounts.rights import require
from interlock.catalog.models import Lock, Service
from interlock.catalog.queries import visible_service
from interlock.catalog.settings import read_settings
from interlock.catalog.sources import check_git_url, check_page_url
from interlock.journal.services import NewEntry, append
from interlock.journal.transactions import writing
from interlock.lifecycle.refused import Refused, invalid, missing

LANGUAGES = ("cpp", "go", "python", "java", "node", "other")
SOURCES = ("git", "gitlab", "jenkins", "upload")
LOCK_SCOPES = ("service", "instances")
CHANGEABLE = ("language", "build_source", "build_url", "description", "settings", "lock_scope")

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def create_service(
    *,
    by: Caller,
    project_id: int,
    name: str,
    language: str,
    build_source: str,
    build_url: str = "",
    description: str = "",
    settings: Mapping[str, Any] | None = None,
    lock_scope: str = "service",
) -> Service:
    require(by, "configure", project_id)
    if not projects(by=by).filter(pk=project_id).exists():
        raise missing("not_found")
    if not _NAME.fullmatch(name):
        raise invalid("service_name_unfit", name=name[:100])
    service = Service(
        project_id=project_id,
        name=name,
        language=language,
        build_source=build_source,
        build_url=build_url,
        description=description,
        settings=read_settings(settings or {}).model_dump(),
        lock_scope=lock_scope,
        created_by_id=by.person_id,
        updated_by_id=by.person_id,
    )
    _check(service)
    try:
        with writing():
            service.save(force_insert=True)
            append(_entry(service, by, "service.created", name=name))
    except IntegrityError:
        # Names are unique platform-wide: they name directories on hosts.
        if not Service.objects.filter(name=name).exists():
            raise
        raise Refused("service_name_taken", name=name) from None
    return service


def update_service(
    *, by: Caller, service_id: int, changes: Mapping[str, Any], seen: datetime | None = None
) -> Service:
    """``changes`` may name any of CHANGEABLE; of ``settings`` only the named ones change.

    ``seen``: ``updated_at`` of what was looked at; refused when somebody has changed it since.
    """
    for name in changes:
        if name not in CHANGEABLE:
            raise invalid("service_field_fixed" if name == "name" else "field_not_known", field=name)
    with writing():
        service = visible_service(by, service_id, lock=True)
        require(by, "configure", service.project_id)
        if seen is not None and seen != service.updated_at:
            who = service.updated_by.username if service.updated_by else "interlock"
            raise Refused("service_changed_meanwhile", by=who)
        values = dict(changes)
        if "settings" in values:
            if not isinstance(values["settings"], Mapping):
                raise invalid("setting_unfit", setting="settings", problem="not_an_object")
            values["settings"] = read_settings({**service.settings, **values["settings"]}).model_dump()
        changed = sorted(name for name in values if values[name] != getattr(service, name))
        if "lock_scope" in changed and Lock.objects.filter(service=service).exists():
            # A release under the old scope would not see one under the new.
            raise Refused("service_at_work", service=service.name)
        for name in changed:
            setattr(service, name, values[name])
        _check(service)
        if changed:
            service.updated_by_id = by.person_id
            service.save(update_fields=[*changed, "updated_by", "updated_at"])
            append(_entry(service, by, "service.changed", name=service.name, changed=changed))
    return service


def _check(service: Service) -> None:
    for field, allowed in (
        ("language", LANGUAGES),
        ("build_source", SOURCES),
        ("lock_scope", LOCK_SCOPES),
    ):
        value = getattr(service, field)
        if value not in allowed:
            raise invalid("choice_not_known", field=field, value=str(value)[:64], allowed=", ".join(allowed))
    check_text("description", service.description, 256)
    check_text("build_url", service.build_url, 255)
    if service.build_source == "git":
        check_git_url(service.build_url)
    else:
        check_page_url(service.build_url)


def check_text(field: str, value: object, limit: int) -> None:
    """SQLite would keep any length, PostgreSQL refuses a NUL: both are refused here."""
    if not isinstance(value, str) or len(value) > limit or "\0" in value:
        raise invalid("text_unfit", field=field, limit=limit)


def _entry(service: Service, by: Caller, act: str, **facts: object) -> NewEntry:
    return NewEntry(by, "service", service.pk, act, project_id=service.project_id, facts=facts)
