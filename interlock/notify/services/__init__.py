"""Every write of channels, subscriptions and messages."""

from interlock.notify.services.channels import (
    UNSET,
    change_channel,
    create_channel,
    delete_channel,
    reach_of,
    test_channel,
)
from interlock.notify.services.messages import (
    Claimed,
    claim,
    due_channels,
    forget_old,
    next_due,
    queue,
    settle,
)
from interlock.notify.services.subscriptions import (
    change_subscription,
    delete_subscription,
    subscribe,
)

__all__ = [
    "UNSET",
    "Claimed",
    "change_channel",
    "change_subscription",
    "claim",
    "create_channel",
    "delete_channel",
    "delete_subscription",
    "due_channels",
    "forget_old",
    "next_due",
    "queue",
    "reach_of",
    "settle",
    "subscribe",
    "test_channel",
]
