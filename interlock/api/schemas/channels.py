"""Channels, subscriptions and messages. Addresses and keys go in and are never told."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from interlock.api.schemas.pieces import (
    NO_NUL,
    Answered,
    Asked,
    Filter,
    Flag,
    Id,
    PageQuery,
    PathId,
    Short,
    When,
)
from interlock.api.schemas.templates import Title

Kind = Literal["dingtalk", "feishu", "wecom", "slack", "webhook", "mail", "apprise"]
Language = Literal["en", "zh-hans"]
Event = Literal[
    "run_started",
    "run_succeeded",
    "run_failed",
    "run_canceled",
    "run_held",
    "approval_opened",
    "approval_due",
    "approval_decided",
    "schedule_skipped",
    "schedule_stopped",
    "build_succeeded",
    "build_failed",
]
MessageStatus = Literal["pending", "sent", "given_up"]
Address = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=NO_NUL)]
SigningKey = Annotated[str, StringConstraints(max_length=500, pattern=NO_NUL)]
Mail = Annotated[str, StringConstraints(max_length=254, pattern=NO_NUL)]
Recipients = Annotated[list[Mail], Field(max_length=50)]
Events = Annotated[list[Event], Field(min_length=1, max_length=20)]


class ChannelQuery(PageQuery):
    project_id: PathId | None = Field(default=None, description="Those that this project can use.")
    kind: Kind | None = None
    search: Filter = Field(default="", description="Part of the name.")


class NewChannel(Asked):
    """No ``project_id``: one of the platform. ``sender`` and ``recipients`` are of mail."""

    name: Title
    kind: Kind
    address: Address
    project_id: Id | None = None
    signing_key: SigningKey = ""
    sender: Mail = ""
    recipients: Recipients = []
    language: Language = "en"
    enabled: Flag = True


class ChannelChange(Asked):
    """Fields that are not sent stay as they are, the address and the key as well."""

    name: Title | None = None
    address: Address | None = None
    signing_key: SigningKey | None = None
    sender: Mail | None = None
    recipients: Recipients | None = None
    language: Language | None = None
    enabled: Flag | None = None


class Channel(Answered):
    """``place`` is what may be shown of the address. ``failures`` in a row: until ``rest_until`` nothing is
    tried; ``error`` and ``said`` are of the last of them."""

    id: int
    project_id: int | None
    name: str
    kind: str
    language: str
    enabled: bool
    place: str
    sender: str
    recipients: list[str]
    failures: int
    rest_until: When | None
    error: str
    text: str
    said: str
    created_at: When
    created_by: str


class Tested(Answered):
    """What the far side said, secrets blotted out; ``text`` is the sentence of ``code``."""

    sent: bool
    code: str
    text: str
    said: str
    seconds: float


class SubscriptionQuery(PageQuery):
    channel_id: PathId | None = None
    project_id: PathId | None = None
    service_id: PathId | None = None
    task_id: PathId | None = None


class NewSubscription(Asked):
    """No ``project_id``: of all projects, in a channel of the platform."""

    channel_id: Id
    events: Events
    project_id: Id | None = None
    service_id: Id | None = None
    task_id: Id | None = None


class SubscriptionChange(Asked):
    events: Events


class Subscription(Answered):
    id: int
    channel_id: int
    channel: str
    project_id: int | None
    service_id: int | None
    service: str
    task_id: int | None
    task: str
    events: list[str]
    created_at: When
    created_by: str


class MessageQuery(PageQuery):
    project_id: PathId | None = None
    channel_id: PathId | None = None
    run_id: PathId | None = None
    status: MessageStatus | None = None
    event: Short | None = None


class Message(Answered):
    """``uid`` went with every try. ``error`` is a code, ``why`` its sentence, ``said`` the far side's."""

    id: int
    uid: str
    channel_id: int
    channel: str
    event: str
    project_id: int | None
    run_id: int | None
    level: str
    title: str
    text: str
    link: str
    status: str
    tries: int
    due_at: When
    error: str
    why: str
    said: str
    created_at: When
    ended_at: When | None
