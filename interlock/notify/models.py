"""Channels, what goes to them, and every message with what became of it."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

from interlock.notify.addresses import KINDS
from interlock.notify.events import LANGUAGES

MESSAGE_STATUSES = ("pending", "sent", "given_up")


class Channel(models.Model):
    """Where messages go. The address, with whatever token it holds, is in the vault."""

    project = models.ForeignKey("accounts.Project", null=True, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=16)
    language = models.CharField(max_length=16, default="en")
    enabled = models.BooleanField(default=True)
    secret = models.ForeignKey("vault.Secret", on_delete=models.PROTECT, related_name="+")
    place = models.CharField(max_length=255)  # what may be shown of the address
    sender = models.CharField(max_length=254, blank=True)  # of mail
    recipients = models.JSONField(default=list)  # of mail
    # It does not answer: nothing is tried before that time, so that it takes nobody's turn.
    rest_until = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)  # in a row
    error = models.CharField(max_length=64, blank=True)  # of the last of them: a code
    said = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="channel_once"),
            models.UniqueConstraint(
                fields=["name"], condition=Q(project__isnull=True), name="channel_platform_once"
            ),
            models.CheckConstraint(condition=Q(kind__in=KINDS), name="channel_kind"),
            models.CheckConstraint(condition=Q(language__in=LANGUAGES), name="channel_language"),
        ]


class Subscription(models.Model):
    """Which events go to a channel: of one project, service or task, or (all null) of everything."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="subscriptions")
    project = models.ForeignKey("accounts.Project", null=True, on_delete=models.CASCADE, related_name="+")
    service = models.ForeignKey("catalog.Service", null=True, on_delete=models.CASCADE, related_name="+")
    task = models.ForeignKey("runs.Task", null=True, on_delete=models.CASCADE, related_name="+")
    events = models.JSONField()
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(service__isnull=True) | Q(task__isnull=True), name="subscription_of_one"
            ),
        ]


class Message(models.Model):
    """What is to be said to a channel, once. ``uid`` goes along with every try."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="messages")
    key = models.CharField(max_length=128)  # what it is about; once in a channel
    event = models.CharField(max_length=32)
    project_id = models.BigIntegerField(null=True)
    run_id = models.BigIntegerField(null=True)
    level = models.CharField(max_length=16, default="info")
    title = models.CharField(max_length=300)
    text = models.TextField(blank=True)
    link = models.CharField(max_length=500, blank=True)
    status = models.CharField(max_length=16, default="pending")
    due_at = models.DateTimeField()
    taken_until = models.DateTimeField(null=True)  # somebody is sending it
    tries = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=64, blank=True)
    said = models.CharField(max_length=500, blank=True)  # by the far side, secrets blotted out
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["channel", "key"], name="message_once"),
            models.CheckConstraint(condition=Q(status__in=MESSAGE_STATUSES), name="message_status"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(status="pending"), name="message_due"),
            models.Index(fields=["project_id", "-id"], name="message_project"),
            models.Index(fields=["channel", "-id"], name="message_channel"),
            models.Index(fields=["created_at"], name="message_age"),
        ]
