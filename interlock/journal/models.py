"""The append-only record, and the outbox read from it."""

from django.db import models


class Entry(models.Model):
    """One act or change of status. Rows are only ever added."""

    at = models.DateTimeField(db_index=True)
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_name = models.CharField(max_length=150)
    project_id = models.BigIntegerField(null=True)
    subject = models.CharField(max_length=32)
    subject_id = models.BigIntegerField()
    act = models.CharField(max_length=64)
    from_status = models.CharField(max_length=16, blank=True)
    to_status = models.CharField(max_length=16, blank=True)
    reason = models.TextField(blank=True)
    facts = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["subject", "subject_id", "id"], name="journal_subject"),
            models.Index(fields=["project_id", "id"], name="journal_project"),
        ]


class Outgoing(models.Model):
    """An entry that a consumer has still to carry out; the row goes when it has."""

    entry = models.ForeignKey(Entry, on_delete=models.CASCADE, related_name="outgoing")
    consumer = models.CharField(max_length=64)
    due_at = models.DateTimeField(db_index=True)
    tries = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["entry", "consumer"], name="outgoing_once")]
