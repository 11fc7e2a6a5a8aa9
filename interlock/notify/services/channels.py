"""Channels: made, changed, tried out. Their addresses go into the vault and do not come back."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from django.db import IntegrityError

from interlock.accounts.caller import Caller
from interlock.accounts.rights import may, require
from interlock.journal.services import NewEntry, append
from interlock.journal.transactions import writing
from interlock.lifecycle.refused import Refused, invalid, missing
from interlock.notify.addresses import Reach, check_reach, place_of
from interlock.notify.events import LANGUAGES
from interlock.notify.models import Channel, Message
from interlock.notify.rendering import Story, render
from interlock.notify.sending import Said, parcel_of, send
from interlock.vault.services import put, reveal

UNSET = "\0"  # leave the signing key as it is


def create_channel(
    *,
    by: Caller,
    name: str,
    kind: str,
    address: str,
    project_id: int | None = None,
    signing_key: str = "",
    sender: str = "",
    recipients: Sequence[str] = (),
    language: str = "en",
    enabled: bool = True,
) -> Channel:
    """``project_id``: None for one of the platform, which every project may use."""
    _may_configure(by, project_id, kind)
    reach = Reach(kind, address, signing_key, sender, tuple(recipients))
    check_reach(reach)
    _check_language(language)
    with _named(project_id, name), writing():
        secret = put(by=_vault_hand(by), name=f"channel.{uuid.uuid4().hex}", value=_kept(reach))
        row = Channel.objects.create(
            project_id=project_id,
            name=name,
            kind=kind,
            language=language,
            enabled=enabled,
            secret_id=secret.pk,
            place=place_of(reach),
            sender=sender,
            recipients=list(recipients),
            created_at=datetime.now(UTC),
            created_by=by.name,
        )
        append(_entry(by, row, "channel.created", name=name, kind=kind))
    return row


def change_channel(
    *,
    by: Caller,
    channel_id: int,
    name: str | None = None,
    address: str | None = None,
    signing_key: str = UNSET,
    sender: str | None = None,
    recipients: Sequence[str] | None = None,
    language: str | None = None,
    enabled: bool | None = None,
) -> Channel:
    """What is not given stays. A new address is tried at once: whatever rested goes on."""
    former = _own(by, channel_id)
    with _named(former.project_id, former.name if name is None else name, but=channel_id), writing():
        row = Channel.objects.select_for_update().get(id=former.pk)
        old = reach_of(row)
        reach = replace(
            old,
            address=old.address if address is None else address,
            signing_key=old.signing_key if signing_key == UNSET else signing_key,
            sender=old.sender if sender is None else sender,
            recipients=old.recipients if recipients is None else tuple(recipients),
        )
        check_reach(reach)
        if (reach.address, reach.signing_key) != (old.address, old.signing_key):
            put(by=_vault_hand(by), name=row.secret.name, value=_kept(reach))
        row.name = row.name if name is None else name
        row.language = row.language if language is None else language
        _check_language(row.language)
        row.place, row.sender, row.recipients = place_of(reach), reach.sender, list(reach.recipients)
        row.enabled = row.enabled if enabled is None else enabled
        row.rest_until, row.failures, row.error, row.said = None, 0, "", ""
        row.save()
        if not row.enabled:
            _give_up_waiting(row)
        readdressed = reach != old
        append(_entry(by, row, "channel.changed", name=row.name, address=readdressed, enabled=row.enabled))
    return row


def _give_up_waiting(row: Channel) -> None:
    """Switched on again it has to say what is new then, not what was new long ago."""
    waiting = Message.objects.filter(channel=row, status="pending")
    waiting.update(status="given_up", error="channel_disabled", ended_at=datetime.now(UTC))


def delete_channel(*, by: Caller, channel_id: int) -> None:
    """With its subscriptions and messages."""
    row = _own(by, channel_id)
    with writing():
        append(_entry(by, row, "channel.deleted", name=row.name))
        Channel.objects.filter(id=row.pk).delete()


def test_channel(*, by: Caller, channel_id: int) -> Said:
    """Send a test message at once, and tell what the far side said. Holds no transaction meanwhile."""
    row = _own(by, channel_id)
    reach = reach_of(row)
    written = render("test", Story(title=row.name, asked_by=by.name), row.language)
    said = send(reach, parcel_of(str(uuid.uuid4()), "test", written, row.language, datetime.now(UTC)))
    with writing():
        append(_entry(by, row, "channel.tested", code=said.code))
        if said.sent:
            Channel.objects.filter(id=row.pk).update(rest_until=None, failures=0, error="", said="")
    return said


def reach_of(row: Channel) -> Reach:
    """For the use at hand only."""
    kept = json.loads(reveal(row.secret_id))
    return Reach(row.kind, kept["address"], kept["signing_key"], row.sender, tuple(row.recipients))


def _kept(reach: Reach) -> str:
    return json.dumps({"address": reach.address, "signing_key": reach.signing_key})


def _own(by: Caller, channel_id: int) -> Channel:
    """The channel, for somebody who may change it."""
    row = Channel.objects.select_related("secret").filter(id=channel_id).first()
    if row is None or (row.project_id is not None and not may(by, "view", row.project_id)):
        raise missing("channel_not_known")
    _may_configure(by, row.project_id, row.kind)
    return row


def _may_configure(by: Caller, project_id: int | None, kind: str) -> None:
    if project_id is not None:
        require(by, "configure", project_id)
    if project_id is None or kind == "apprise":
        # Some of what apprise reaches is this machine itself, its files and its desktop.
        require(by, "platform")


def _vault_hand(by: Caller) -> Caller:
    """Whoever may make the channel may put its address into the vault, out of the reach of templates."""
    return replace(by, is_admin=True, scopes=None)


def _check_language(language: str) -> None:
    if language not in LANGUAGES:
        raise invalid("language_not_known", known=", ".join(LANGUAGES))


@contextmanager
def _named(project_id: int | None, name: str, but: int | None = None) -> Iterator[None]:
    if not 1 <= len(name) <= 100 or name != name.strip() or not name.isprintable():
        raise invalid("title_unfit", name=name[:100])
    try:
        yield
    except IntegrityError:
        taken = Channel.objects.filter(name=name).values_list("project_id", "id")
        if not any(project == project_id and row_id != but for project, row_id in taken):
            raise
        raise Refused("name_taken", name=name) from None


def _entry(by: Caller, row: Channel, act: str, **facts: object) -> NewEntry:
    return NewEntry(by, "channel", row.pk, act, project_id=row.project_id, facts=facts)
